//go:build !linux

package projections

import (
	"fmt"
	"os"
)

// bringToDisk syncs a file.
func bringToDisk(f *os.File) error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	return nil
}
