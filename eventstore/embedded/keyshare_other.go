//go:build !unix

package embedded

import (
	"errors"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func lockKeys(name string, shared bool) (io.Closer, error) {
	if shared {
		return nil, errors.New("keys are shared between processes on Unix only")
	}
	return vfs.Default.Lock(name)
}

func lockWriting(*os.File) error   { return errors.ErrUnsupported }
func unlockWriting(*os.File) error { return errors.ErrUnsupported }
