//go:build unix

package main

import (
	"math"
	"syscall"
)

// openFiles is how many files this process may have open at once.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // a system that does not tell has none
	}
	return uint64(limit.Cur) // some systems tell it with a sign
}
