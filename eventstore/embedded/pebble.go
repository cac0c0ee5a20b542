package embedded

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// pebbleOptions suit a log: large memtables, since all is written twice; filters,
// since new streams are asked for before they exist; records apart from their keys
// (see apart.go), with light compression; Zstandard for keys and indexes, where most
// of them come to lie.
func (l *Log) pebbleOptions(o Options, inner string, found bool) *pebble.Options {
	p := &pebble.Options{
		FS:                          &walFS{FS: newApartFS(newAheadFS(o.FS), inner), dir: inner, stop: l.stop, stopped: l.stoppedBy},
		Lock:                        l.lock,
		Logger:                      quiet{l.health},
		EventListener:               l.listener(),
		ErrorIfNotExists:            found,
		ReadOnly:                    l.still,
		FormatMajorVersion:          pebble.FormatValueSeparation,
		CacheSize:                   o.CacheBytes + memTables*memTable, // Pebble takes the memtables' room out of it
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: memTables,
		LBaseMaxBytes:               64 << 20,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       1000,
		MaxOpenFiles:                500,
	}
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionBalanced })
	p.Experimental.ValueSeparationPolicy, p.Experimental.SpanPolicyFunc = apart, spaces
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		p.Levels[i].BlockSize = 16 << 10
	}
	return p
}
