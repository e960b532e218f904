package dashboard

import (
	"strconv"
	"unicode/utf8"

	"tend.example/tend/supervise"
)

// lines are what leads through a row to the ones below, and to its own name.
func lines(open []bool, kids bool) []line {
	var all []line
	for level, more := range open {
		x := strconv.Itoa(level*indent + indent/2)
		last := level == len(open)-1
		switch {
		case more:
			all = append(all, line{x, "0", x, "100%"})
		case last:
			all = append(all, line{x, "0", x, strconv.Itoa(elbow)})
		}
		if last {
			all = append(all, line{x, strconv.Itoa(elbow), strconv.Itoa((level + 1) * indent), strconv.Itoa(elbow)})
		}
	}
	if kids { // down to the first of them
		x := strconv.Itoa(len(open)*indent + indent/2)
		all = append(all, line{x, strconv.Itoa(elbow + 9), x, "100%"})
	}
	return all
}

// Sizes of the picture, in pixels.
const (
	columnWidth  = 190
	columnGap    = 34
	lineHeight   = 30
	barWidth     = 120
	longestName  = 19
	longestNoted = 11 // beside a note
	mostPictured = 60 // leaves; a picture of more shows nothing
)

// picture is the whole tree as a drawing: the root at the left, leaves at the right.
type picture struct {
	Width, Height int
	Nodes         []pictured
	Edges         []string // paths
}

// pictured is a node at its place.
type pictured struct {
	*node
	X, Y  int
	Label string
	Note  string // below the name
	Bar   []segment
	Folds int // how many siblings that are well it stands for
}

// segment is a part of the bar of a pool.
type segment struct {
	X, Width int
	State    supervise.State
	N        int
}

// draw draws a tree. Where there are too many leaves, those of a group that run are drawn as one.
func draw(root *node) picture {
	p := picture{}
	leaves := 0
	root.each(func(n *node) {
		if len(n.Kids) == 0 {
			leaves++
		}
	})
	d := drawing{picture: &p, fold: leaves > mostPictured}
	d.place(root, 0)
	p.Height = max(d.y, lineHeight)
	return p
}

type drawing struct {
	picture *picture
	fold    bool
	y       int // of the next leaf
}

// place draws a node and all below it, and tells where its own line is.
func (d *drawing) place(n *node, depth int) (y int) {
	at := pictured{node: n, X: depth * (columnWidth + columnGap), Note: n.note()}
	at.Label = shorten(plain(n.Name), at.Note != "" || n.IsPool())
	d.picture.Width = max(d.picture.Width, at.X+columnWidth)
	var ends []int
	folded := 0
	var first *node
	if !n.IsPool() {
		for _, kid := range n.Kids {
			if d.fold && len(kid.Kids) == 0 && !kid.IsPool() && kid.State == supervise.Running {
				folded++
				first = kid
				continue
			}
			ends = append(ends, d.place(kid, depth+1))
		}
	}
	if folded == 1 {
		ends = append(ends, d.place(first, depth+1))
	} else if folded > 1 {
		ends = append(ends, d.leaf(pictured{node: first, X: (depth + 1) * (columnWidth + columnGap), Folds: folded}))
	}
	if len(ends) == 0 {
		at.Bar = n.bar()
		return d.leaf(at)
	}
	at.Y = (ends[0] + ends[len(ends)-1]) / 2
	d.picture.Nodes = append(d.picture.Nodes, at)
	for _, end := range ends {
		d.picture.Edges = append(d.picture.Edges, edge(at.X+columnWidth, at.Y, at.X+columnWidth+columnGap, end))
	}
	return at.Y
}

func (d *drawing) leaf(at pictured) (y int) {
	height := lineHeight
	if at.Bar != nil {
		height += lineHeight / 2
	}
	at.Y = d.y + lineHeight/2
	d.y += height
	d.picture.Width = max(d.picture.Width, at.X+columnWidth)
	d.picture.Nodes = append(d.picture.Nodes, at)
	return at.Y
}

// edge is a line from one node to another, with round corners.
func edge(x1, y1, x2, y2 int) string {
	i := strconv.Itoa
	middle := (x1 + x2) / 2
	if y1 == y2 {
		return "M" + i(x1) + " " + i(y1) + "H" + i(x2)
	}
	r := min(8, max(y1-y2, y2-y1)/2)
	turn := r
	if y2 < y1 {
		turn = -r
	}
	return "M" + i(x1) + " " + i(y1) + "H" + i(middle-r) + "q" + i(r) + " 0 " + i(r) + " " + i(turn) +
		"V" + i(y2-turn) + "q0 " + i(turn) + " " + i(r) + " " + i(turn) + "H" + i(x2)
}

// note is a word on a node that is not as it should be, or of what is in it.
func (n *node) note() string {
	if n.IsPool() || n.State == supervise.Running {
		return ""
	}
	return looksOf(n.State).Word
}

// bar is what the members of a pool are, each state as wide as its part, but wide enough to be seen.
func (n *node) bar() []segment {
	members := n.Members()
	if members == 0 {
		return nil
	}
	census := n.Census()
	room := barWidth - 4*len(census)
	var bar []segment
	x := 0
	for _, c := range census {
		width := 4 + room*c.N/members
		bar = append(bar, segment{x, width - 1, c.State, c.N})
		x += width
	}
	return bar
}

func shorten(name string, noted bool) string {
	most := longestName
	if noted {
		most = longestNoted
	}
	if utf8.RuneCountInString(name) <= most {
		return name
	}
	return string([]rune(name)[:most-1]) + "…"
}
