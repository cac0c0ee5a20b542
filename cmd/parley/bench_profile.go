package main

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
)

// profiles are those under way; a name that is empty is not taken.
type profiles struct {
	cpu *os.File
	mem string
}

func (p *profiles) start(cpu, mem string) error {
	p.mem = mem
	if cpu == "" {
		return nil
	}
	f, err := os.Create(cpu)
	if err != nil {
		return err
	}
	p.cpu = f
	return pprof.StartCPUProfile(f)
}

func (p *profiles) stop() (err error) {
	if p.cpu != nil {
		pprof.StopCPUProfile()
		err = p.cpu.Close()
		p.cpu = nil
	}
	if p.mem == "" {
		return err
	}
	f, failed := os.Create(p.mem)
	if failed != nil {
		return errors.Join(err, failed)
	}
	runtime.GC()
	return errors.Join(err, pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
