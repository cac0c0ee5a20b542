package eventstore

import "github.com/google/uuid"

// CommandPlace says where a record of a command stands.
type CommandPlace struct {
	Command  uuid.UUID
	Stream   string
	Revision Revision
	Position Position
}

// Commands finds the records of a command for a store that has no such index.
// It is derived from the log: deleted or damaged it is made anew. It may be
// used by many goroutines, but only one adds.
type Commands interface {
	// Begin gives the position up to which all records of the log of that name
	// are in it. What is of another log is forgotten.
	Begin(store string) (Position, error)
	// Add takes in what stands up to a position. It need not be durable at once.
	Add(upTo Position, places []CommandPlace) error
	// Find gives the places of a command's records, in order of position.
	Find(command uuid.UUID) ([]CommandPlace, error)
}
