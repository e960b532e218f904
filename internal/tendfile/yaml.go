package tendfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxSize  = 1 << 20
	maxDepth = 64 // groups in groups take four each; the parser needs the square of it in time
)

// parse makes a tree of the one document in text. nil: there is nothing in it.
func parse(name string, text []byte) (body ast.Node, err error) {
	whole := Place{File: name}
	if len(text) > maxSize {
		return nil, Faults{{whole, fmt.Sprintf("%d bytes, more than %d", len(text), maxSize)}}
	}
	if strings.ContainsRune(string(text), 0) {
		return nil, Faults{{whole, "there is a zero byte in it: this is no text"}}
	}
	if at, ok := foreign(text); ok {
		return nil, Faults{{Place{name, at.Line, at.Column}, "not UTF-8"}}
	}
	defer func() { // of a parser that is given whatever there is
		if value := recover(); value != nil {
			body, err = nil, Faults{{whole, "not to be read as YAML"}}
		}
	}()
	tokens := lexer.Tokenize(strings.TrimPrefix(string(text), "\ufeff"))
	if t := tooDeep(tokens); t != nil {
		return nil, Faults{{place(name, t), fmt.Sprintf("nested deeper than %d", maxDepth)}}
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // Read finds them, all at once
	if syntax := (*yaml.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, Faults{{place(name, syntax.Token), oneLine(syntax.Message)}}
	}
	if err != nil {
		return nil, Faults{{whole, oneLine(err.Error())}}
	}
	for _, doc := range f.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			return nil, Faults{{place(name, start(doc.Body)), "a second document: want one"}}
		default:
			body = doc.Body
		}
	}
	return body, nil
}

// foreign is where the first character stands that is not UTF-8. The parser would make another of it, without a word.
func foreign(text []byte) (at Place, is bool) {
	if utf8.Valid(text) {
		return at, false
	}
	at = Place{Line: 1, Column: 1}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			return at, true
		case r == '\n':
			at.Line, at.Column = at.Line+1, 1
		default:
			at.Column++
		}
		text = text[size:]
	}
	return at, false
}

// tooDeep is the token that is nested too deeply in one line, or nil. Nesting by indentation needs so many bytes that
// maxSize bounds it.
func tooDeep(tokens token.Tokens) *token.Token {
	flow, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type { //nolint:exhaustive // the others do not nest
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if flow == 0 {
				dashes++
			}
		}
		if flow > maxDepth || dashes > maxDepth {
			return t
		}
	}
	return nil
}

func place(name string, t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{File: name}
	}
	return Place{name, t.Position.Line, t.Position.Column}
}

// start is the token at which a node begins, for a mapping its first key.
func start(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return start(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return start(n.Key)
	}
	return n.GetToken()
}

// entries are the keys and values of a mapping.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

// scalar is the text of a value as it is written, without quotes, and the type that YAML gives it.
func scalar(n ast.Node) (text, kind string) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, "text"
	case *ast.LiteralNode:
		return n.Value.Value, "text"
	case *ast.IntegerNode:
		return n.Token.Value, "number"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, "fraction"
	case *ast.BoolNode:
		return n.Token.Value, "bool"
	case *ast.NullNode:
		return "", "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "", "a mapping"
	case *ast.SequenceNode:
		return "", "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "", "an anchor or an alias"
	case *ast.TagNode:
		return "", "a tag"
	default:
		return "", "something else"
	}
}
