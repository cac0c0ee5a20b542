package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"parley/eventstore/esdb"
)

// compose is what of a compose file can be looked at without a container
// engine.
type compose struct {
	Kurrent  map[string]any `yaml:"x-kurrentdb"`
	Cluster  map[string]any `yaml:"x-cluster"`
	Services map[string]struct {
		Image       string
		Build       map[string]string
		Profiles    []string
		User        string
		Entrypoint  []string
		Command     []string
		DependsOn   map[string]map[string]string `yaml:"depends_on"`
		Environment map[string]string
		Ports       []string
		Volumes     []string
		Networks    any
		Restart     string
	}
	Networks map[string]any
	Volumes  map[string]any
}

// TestTheComposeFileHasItsForm reads docker-compose.yml by its form: where
// there is Docker's own plugin, that judges too. Nothing is run.
func TestTheComposeFileHasItsForm(t *testing.T) {
	path := filepath.Join(root, "docker-compose.yml")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() }) // it was read only
	var c compose
	d := yaml.NewDecoder(file)
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	for name, s := range c.Services {
		if (s.Image == "") == (len(s.Build) == 0) {
			t.Errorf("%s has neither or both of an image and a build", name)
		}
		if s.Image != "" && (!strings.Contains(s.Image, ":") || strings.HasSuffix(s.Image, ":latest")) {
			t.Errorf("%s names no version: %s", name, s.Image)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s opens %s to others than this machine", name, port)
			}
		}
		for other := range s.DependsOn {
			if on, ok := c.Services[other]; !ok || !slices.Equal(on.Profiles, s.Profiles) {
				t.Errorf("%s depends on %s, which does not start with it", name, other)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[volume]; !ok {
				t.Errorf("%s uses a volume %s that is not declared", name, volume)
			}
		}
		for key, value := range s.Environment {
			if strings.Contains(strings.ToUpper(key), "PASSWORD") && !strings.HasPrefix(value, "${") {
				t.Errorf("%s has the password of %s in it", name, key)
			}
		}
	}
	seeds := regexp.MustCompile(`node\d`)
	for n := 1; n <= 3; n++ {
		name := fmt.Sprintf("node%d", n)
		s := c.Services[name]
		all := append(seeds.FindAllString(s.Environment["KURRENTDB_GOSSIP_SEED"], -1), name)
		if slices.Sort(all); !slices.Equal(all, []string{"node1", "node2", "node3"}) {
			t.Errorf("%s and its seeds are %v", name, all)
		}
		if ip := fmt.Sprintf("172.30.240.1%d", n); s.Environment["KURRENTDB_REPLICATION_IP"] != ip || !strings.Contains(fmt.Sprint(s.Networks), ip) {
			t.Errorf("%s is not at %s", name, ip)
		}
		if !strings.Contains(s.Environment["KURRENTDB_CERTIFICATE_FILE"], name) || s.Environment["KURRENTDB_CLUSTER_SIZE"] != "3" {
			t.Errorf("%s has %v", name, s.Environment)
		}
	}
	// The addresses that the file and the how-to give are understood.
	for _, page := range []string{path, filepath.Join(root, "docs", "howto", "move-to-kurrentdb.md")} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range regexp.MustCompile(`[a-z+]*esdb(\+discover)?://[^\s'"`+"`"+`]*`).FindAllString(string(text), -1) {
			if !esdb.IsAddress(address) {
				t.Errorf("%s: %s is no address", page, address)
			}
			address = regexp.MustCompile(`&tlsCaFile=[^&]*`).ReplaceAllString(address, "") // the file is not here
			if err := esdb.Check(address); err != nil && !strings.Contains(address, "…") {
				t.Errorf("%s: %s: %v", page, address, err)
			}
		}
	}
	if err := exec.Command("docker", "compose", "version").Run(); err != nil {
		t.Log("docker compose is not here: only the form was looked at")
		return
	}
	for _, profile := range []string{"", "kurrentdb", "cluster", "postgres"} {
		cmd := exec.Command("docker", "compose", "-f", path, "--profile", profile, "config", "-q")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("docker compose config with the profile %q: %v\n%s", profile, err, out)
		}
	}
}
