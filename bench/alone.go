package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// alone are the samples that are taken in a process of their own, so that neither side finds the
// heap, the stacks and the dead goroutines that the other left.
func alone() map[string]func(settings) []float64 {
	all := map[string]func(settings) []float64{
		"members/tend":   func(s settings) []float64 { return s.membersSample(newPoolCrowd) },
		"members/suture": func(s settings) []float64 { return s.membersSample(newSutureCrowd) },
		"churn/tend":     func(s settings) []float64 { return s.churnSample(newPoolCrowd) },
		"churn/suture":   func(s settings) []float64 { return s.churnSample(newSutureCrowd) },
	}
	addJobSamples(all)
	return all
}

// inAlone runs this program again for one sample.
func inAlone(name string, s settings) []float64 {
	cmd := aloneCommand(s.size + ":" + name)
	out, err := cmd.Output()
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	var values []float64
	if err := json.Unmarshal(out, &values); err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return values
}

// aloneCommand is this program, to do what answerAlone finds under a name.
func aloneCommand(name string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, "-alone", name)
	cmd.Stderr = os.Stderr
	return cmd
}

// answerAlone takes a sample by the name of its size and its own, or is the client of web.
func answerAlone(name string, in io.Reader, out io.Writer) error {
	if name == webClientName {
		return beWebClient(in, out)
	}
	size, of, _ := strings.Cut(name, ":")
	sample, ok := alone()[of]
	i := slices.IndexFunc(sizes, func(s settings) bool { return s.size == size })
	if !ok || i < 0 {
		return fmt.Errorf("no sample %q", name)
	}
	return json.NewEncoder(out).Encode(sample(sizes[i]))
}
