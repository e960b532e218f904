package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// alone are the samples that are taken in a process of their own, so that neither side finds the
// heap, the stacks and the dead goroutines that the other left.
var alone = map[string]func(settings) []float64{
	"members/tend":   func(s settings) []float64 { return s.membersSample(newPoolCrowd) },
	"members/suture": func(s settings) []float64 { return s.membersSample(newSutureCrowd) },
	"churn/tend":     func(s settings) []float64 { return s.churnSample(newPoolCrowd) },
	"churn/suture":   func(s settings) []float64 { return s.churnSample(newSutureCrowd) },
}

// inAlone runs this program again for one sample.
func inAlone(name string, s settings) []float64 {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	args := []string{"-alone", name}
	if s.crowd == short.crowd {
		args = append(args, "-short")
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
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

func answerAlone(name string, s settings, out io.Writer) error {
	sample, ok := alone[name]
	if !ok {
		return fmt.Errorf("no sample %q", name)
	}
	return json.NewEncoder(out).Encode(sample(s))
}
