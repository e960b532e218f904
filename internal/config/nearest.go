package config

// nearest is the one of known that word is a likely misspelling of, or "".
func nearest(word string, known []string) string {
	best, least := "", len(word)/3+2 // fewer edits than this count as a slip
	for _, k := range known {
		if d := edits(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance: how many bytes have to be put in, left out or exchanged.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			swap := diagonal
			if a[i] != b[j] {
				swap++
			}
			diagonal = row[j+1]
			row[j+1] = min(swap, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
