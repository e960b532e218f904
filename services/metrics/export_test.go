package metrics

// Known is how many services events have told of.
func (t *Tree) Known() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.paths)
}
