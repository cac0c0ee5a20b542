package embedded

import (
	"flag"
	"os"
	"testing"
)

// TestMain draws thirty cases of each property, ten with -short, unless it is told how
// many: each opens several logs. The long tests draw two hundred, again and again.
func TestMain(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "rapid.checks" })
	checks := "30"
	if testing.Short() {
		checks = "10"
	}
	if !told {
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
