package tendfile

import (
	"reflect"
	"slices"
)

// Diff is the keys of two services of one name that are not the same, such as http.routes. What is in a group is not looked at.
func Diff(a, b Service) []string {
	var keys []string
	diff(&keys, "", reflect.ValueOf(a), reflect.ValueOf(b))
	if a.Tick != nil && b.Tick != nil && *a.Tick != *b.Tick {
		keys = append(keys, "timer-every")
	}
	return keys
}

func diff(keys *[]string, path string, a, b reflect.Value) {
	for _, f := range fieldsOf(a.Type()) {
		key := join(path, f.key)
		x, y := a.FieldByIndex(f.Index), b.FieldByIndex(f.Index)
		inside := x.Kind() == reflect.Pointer && x.Type().Elem().Kind() == reflect.Struct && !x.IsNil() && !y.IsNil()
		switch {
		case key == "group.services":
		case inside:
			diff(keys, key, x.Elem(), y.Elem())
		case !reflect.DeepEqual(x.Interface(), y.Interface()):
			*keys = append(*keys, key)
		}
	}
	slices.Sort(*keys)
}
