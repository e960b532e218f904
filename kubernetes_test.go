package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/config"
)

const manifests = "deploy/kubernetes"

// object is what the tests look at of a manifest. Keys that it does not have are none of their business.
type object struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Replicas       int
		Selector       map[string]any
		MaxUnavailable int `yaml:"maxUnavailable"`
		Ports          []struct {
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
	}
}

type pod struct {
	Grace           int64 `yaml:"terminationGracePeriodSeconds"`
	Links           *bool `yaml:"enableServiceLinks"`
	SecurityContext struct {
		RunAsNonRoot bool           `yaml:"runAsNonRoot"`
		RunAsUser    int            `yaml:"runAsUser"`
		FSGroup      int            `yaml:"fsGroup"`
		Seccomp      map[string]any `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name   string
		Secret struct {
			DefaultMode int `yaml:"defaultMode"`
		}
	}
}

type container struct {
	Args  []string
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	Startup   probe `yaml:"startupProbe"`
	Liveness  probe `yaml:"livenessProbe"`
	Readiness probe `yaml:"readinessProbe"`
	Resources struct {
		Limits map[string]string
	}
	SecurityContext struct {
		Escalation *bool               `yaml:"allowPrivilegeEscalation"`
		ReadOnly   bool                `yaml:"readOnlyRootFilesystem"`
		Caps       map[string][]string `yaml:"capabilities"`
	} `yaml:"securityContext"`
	Mounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct {
		Path, Port string
		Headers    []any `yaml:"httpHeaders"`
	} `yaml:"httpGet"`
}

// objects decodes a stream of manifests, by their kinds.
func objects(t *testing.T, text []byte) map[string]object {
	t.Helper()
	all := map[string]object{}
	for part := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var o object
		if err := yaml.Unmarshal(part, &o); err != nil {
			t.Fatal(err)
		}
		all[o.Kind] = o
	}
	return all
}

// kustomized are the manifests as kubectl makes them, or where there is none, as they are.
func kustomized(t *testing.T) map[string]object {
	t.Helper()
	if _, err := exec.LookPath("kubectl"); err == nil {
		out, err := exec.CommandContext(t.Context(), "kubectl", "kustomize", manifests).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return objects(t, out)
	}
	var parts []string
	for _, name := range resources(t) {
		parts = append(parts, read(t, filepath.Join(manifests, name)))
	}
	return objects(t, []byte(strings.Join(parts, "\n---\n")))
}

func resources(t *testing.T) []string {
	t.Helper()
	var list struct{ Resources []string }
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(manifests, "kustomization.yaml"))), &list); err != nil {
		t.Fatal(err)
	}
	return list.Resources
}

func TestKustomizationListsEveryManifest(t *testing.T) {
	entries, err := os.ReadDir(manifests)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, entry := range entries {
		if entry.Name() != "kustomization.yaml" {
			want = append(want, entry.Name())
		}
	}
	got := slices.Sorted(slices.Values(resources(t)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

// An empty selector is the whole namespace's, so a budget or a Service without one does harm to others.
func TestManifestsMeanThePodsOfTheDeployment(t *testing.T) {
	all := kustomized(t)
	labels := map[string]any{}
	for key, value := range all["Deployment"].Spec.Template.Metadata.Labels {
		labels[key] = value
	}
	if len(labels) == 0 {
		t.Fatal("the pods have no labels")
	}
	want := map[string]any{
		"Deployment": map[string]any{"matchLabels": labels}, "PodDisruptionBudget": map[string]any{"matchLabels": labels}, "Service": labels,
	}
	got := map[string]any{}
	for kind, o := range all {
		got[kind] = o.Spec.Selector
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("selectors (-want +got):\n%s", diff)
	}
	if replicas, budget := all["Deployment"].Spec.Replicas, all["PodDisruptionBudget"].Spec.MaxUnavailable; budget < 1 || budget >= replicas {
		t.Errorf("the budget takes %d of %d replicas: want at least one, and one left", budget, replicas)
	}
}

func TestManifestsGiveThePodTheTimeItNeeds(t *testing.T) {
	pod := kustomized(t)["Deployment"].Spec.Template.Spec
	cfg := parsed(t, pod)
	if grace := time.Duration(pod.Grace) * time.Second; grace <= cfg.ShutdownTimeout || cfg.ShutdownTimeout == 0 {
		t.Errorf("got a grace period of %s for a shutdown timeout of %s, want more", grace, cfg.ShutdownTimeout)
	}
	if cfg.DrainDelay == 0 {
		t.Error("there is no drain delay: requests are lost while endpoints are removed")
	}
}

// parsed is what the daemon makes of the container's arguments.
func parsed(t *testing.T, pod pod) config.Config {
	t.Helper()
	args := slices.Clone(pod.Containers[0].Args)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(strings.Repeat("x", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, arg := range args {
		if strings.HasPrefix(arg, "--admin-token-file=") {
			args[i] = "--admin-token-file=" + token
		}
	}
	cfg, err := config.Parse(args)
	if err != nil {
		t.Fatalf("arguments of the container: %v", err)
	}
	return cfg
}

// The kubelet has no token: it may ask for these two paths only, and not verbosely.
func TestProbesNeedNoToken(t *testing.T) {
	pod := kustomized(t)["Deployment"].Spec.Template.Spec
	c := pod.Containers[0]
	for name, p := range map[string]struct {
		probe
		path string
	}{
		"startup": {c.Startup, "/livez"}, "liveness": {c.Liveness, "/livez"}, "readiness": {c.Readiness, "/readyz"},
	} {
		if p.HTTPGet.Path != p.path || p.HTTPGet.Port != "admin" || p.HTTPGet.Headers != nil {
			t.Errorf("%s: got %+v, want GET %s on port admin", name, p.HTTPGet, p.path)
		}
	}
	cfg := parsed(t, pod)
	got := map[string]string{}
	for _, port := range c.Ports {
		got[port.Name] = fmt.Sprintf(":%d", port.ContainerPort)
	}
	if diff := cmp.Diff(map[string]string{"http": cfg.HTTPAddr, "admin": cfg.AdminAddr}, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	for _, port := range kustomized(t)["Service"].Spec.Ports {
		if port.TargetPort != "http" {
			t.Errorf("the Service offers port %s, want http only", port.TargetPort)
		}
	}
}

func TestThePodMayDoNothingItDoesNotNeed(t *testing.T) {
	pod := kustomized(t)["Deployment"].Spec.Template.Spec
	security, inside := pod.SecurityContext, pod.Containers[0].SecurityContext
	image := read(t, "tools/release/image/image.go")
	switch user := fmt.Sprintf(`user = "%d:%d"`, security.RunAsUser, security.FSGroup); {
	case !security.RunAsNonRoot || !strings.Contains(image, user):
		t.Errorf("got %+v, want the user of the image, and not root", security)
	case security.Seccomp["type"] != "RuntimeDefault":
		t.Errorf("seccomp: got %v", security.Seccomp)
	case inside.Escalation == nil || *inside.Escalation || !inside.ReadOnly || !slices.Equal(inside.Caps["drop"], []string{"ALL"}) || inside.Caps["add"] != nil:
		t.Errorf("got %+v, want no escalation, a read-only root and no capabilities", inside)
	case pod.Links == nil || *pod.Links:
		t.Error("enableServiceLinks: want false, as its variables begin with TEND_")
	case pod.Containers[0].Resources.Limits["memory"] == "":
		t.Error("there is no limit of memory")
	}
}

func TestWhatThePodReadsAndWritesIsMounted(t *testing.T) {
	pod := kustomized(t)["Deployment"].Spec.Template.Spec
	mounted := map[string]string{}
	for _, m := range pod.Containers[0].Mounts {
		mounted[m.MountPath] = m.Name
	}
	i := slices.IndexFunc(pod.Containers[0].Args, func(arg string) bool { return strings.HasPrefix(arg, "--admin-token-file=") })
	if i < 0 {
		t.Fatal("the admin port can be reached from the whole cluster, and no token is asked for")
	}
	_, token, _ := strings.Cut(pod.Containers[0].Args[i], "=")
	for _, folder := range []string{filepath.Dir(token), "/tmp"} {
		if mounted[folder] == "" {
			t.Errorf("%s is not mounted: got %v", folder, mounted)
		}
	}
	for _, v := range pod.Volumes {
		if v.Name == mounted[filepath.Dir(token)] && v.Secret.DefaultMode != 0o440 {
			t.Errorf("the token has mode %o, want 440", v.Secret.DefaultMode)
		}
	}
}
