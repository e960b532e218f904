// Package spelling guesses what somebody meant who mistyped a name.
package spelling

// Nearest is the one of known that word is a likely misspelling of, or "".
func Nearest(word string, known []string) string {
	best, least := "", len(word)/3+1 // fewer edits than this count as a slip
	for _, k := range known {
		if d := Edits(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// Edits is how many bytes have to be put in, left out, exchanged, or swapped with the next one: the Levenshtein
// distance, with what fingers do most often counted once.
func Edits(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1) // of the byte before the last one of a, and of that
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			swap := row[j]
			if a[i] != b[j] {
				swap++
			}
			next[j+1] = min(swap, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
