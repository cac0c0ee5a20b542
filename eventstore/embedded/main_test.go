package embedded

import (
	"flag"
	"os"
	"testing"
)

// TestMain draws thirty cases of each property, unless it is told how many: each
// opens several logs. The long tests draw two hundred, again and again.
func TestMain(m *testing.M) {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "rapid.checks" })
	if !told {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
