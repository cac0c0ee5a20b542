package main

import (
	"runtime"

	"parley/api"
	"parley/projections"
)

// What the process keeps files for beside connections: the log's tables and what
// is written of them, and each reader of each view, which has three of SQLite's.
const (
	logFiles   = 600
	readerFile = 3
)

// mostConnections is how many connections may be open of so many files: what the
// log and the views need is left to them, but a quarter in any case.
func mostConnections(files uint64, processors, views int) int {
	const most = 1 << 20
	files = min(files, most)
	own := uint64(logFiles + readerFile*views*(4*processors+1))
	return int(max(1, files/4, files-min(files, own)))
}

// places are for the connections of this process.
func places() api.Places {
	return make(api.Places, mostConnections(openFiles(), runtime.GOMAXPROCS(0), len(projections.All())))
}
