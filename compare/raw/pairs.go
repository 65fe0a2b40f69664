package raw

// pairsMax is the most comparisons of layers that are made to pair them.
const pairsMax = 1 << 22

// Pairs pairs the layers of two images, which are given by their diffIDs: as many
// as possible with the same diffID without changing the order, and the layers
// between these by position. -1 stands for a side that has no layer for a pair. An
// empty diffID equals no other.
func Pairs(a, b []string) [][2]int {
	var pairs [][2]int
	x, y := 0, 0
	for _, same := range commonPairs(a, b) {
		pairs = append(pairs, between(x, same[0], y, same[1])...)
		pairs = append(pairs, same)
		x, y = same[0]+1, same[1]+1
	}
	return append(pairs, between(x, len(a), y, len(b))...)
}

// between pairs the layers of two ranges by position.
func between(x, endX, y, endY int) [][2]int {
	var pairs [][2]int
	for ; x < endX || y < endY; x, y = x+1, y+1 {
		pair := [2]int{-1, -1}
		if x < endX {
			pair[0] = x
		}
		if y < endY {
			pair[1] = y
		}
		pairs = append(pairs, pair)
	}
	return pairs
}

// commonPairs is a longest common subsequence, or its beginning if there are too
// many layers to find it.
func commonPairs(a, b []string) [][2]int {
	same := func(i, j int) bool { return a[i] == b[j] && a[i] != "" }
	var pairs [][2]int
	first := 0
	for first < len(a) && first < len(b) && same(first, first) {
		pairs = append(pairs, [2]int{first, first})
		first++
	}
	rows, columns := len(a)-first, len(b)-first
	if rows*columns > pairsMax {
		return pairs
	}
	// length[i][j] is that of what follows from a[first+i] and b[first+j] on.
	length := make([][]int, rows+1)
	length[rows] = make([]int, columns+1)
	for i := rows - 1; i >= 0; i-- {
		length[i] = make([]int, columns+1)
		for j := columns - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if same(first+i, first+j) {
				length[i][j] = length[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < rows && j < columns; {
		switch {
		case same(first+i, first+j):
			pairs = append(pairs, [2]int{first + i, first + j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
