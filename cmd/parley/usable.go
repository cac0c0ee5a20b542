package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// usable says of a file or folder that could not be used what to do about it. Other
// errors stay what they are.
func (c *config) usable(err error) error {
	what := ""
	switch {
	case errors.Is(err, fs.ErrPermission):
		own := c.data
		if c.keep != "" {
			own += ", " + c.keep
		}
		what = "let the user who runs parley own " + own + " and all that is in it, and read and write it"
	case errors.Is(err, syscall.EROFS):
		what = "mount the disk so that it can be written, or name a folder on another"
	case errors.Is(err, syscall.ENOTDIR):
		what = "a file is where a folder belongs: move it away, and bring back what was there"
	case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTEMPTY):
		what = "a folder is where a file belongs: move it away, and bring back what was there"
	case errors.Is(err, syscall.ENOSPC):
		what = "make room on the disk"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, what)
}
