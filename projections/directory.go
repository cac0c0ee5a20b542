package projections

import (
	"slices"
	"time"

	"parley/domain"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/hours"
	"parley/domain/profile"
	"parley/domain/queue"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
)

// ContactRow is a stored customer (SUM-3).
type ContactRow struct {
	ID       string `row:",key"`
	Subject  string `row:",subject"`
	Name     domain.Personal
	Email    domain.Personal
	Phones   []domain.Personal
	Location domain.Personal
	Account  string
	Erased   bool
	Recorded time.Time
	Modified time.Time
	Revision eventstore.Revision
}

// CaseRow is an issue of a contact (SUM-8).
type CaseRow struct {
	ID          string `row:",key"`
	Subject     string `row:",subject"`
	Number      string
	Contact     string
	Title       domain.Personal
	Product     string
	Description domain.Personal
	Status      string
	Opened      time.Time
	Modified    time.Time
	Revision    eventstore.Revision
}

// QueueRow is where open conversations wait, and who serves them (RTE-2).
type QueueRow struct {
	ID       string `row:",key"`
	Name     string
	Number   int
	Method   string
	Members  []string // sorted
	Hours    string   // operating hours; empty is round the clock
	Tell     bool
	Overflow queue.Overflow
	Deleted  bool
	Modified time.Time
	Revision eventstore.Revision
}

// memberRow is one member of a queue.
type memberRow struct {
	Queue string `row:",key"`
	Agent string `row:",key"`
}

// WorkstreamRow is how the conversations of one channel and mode are treated.
type WorkstreamRow struct {
	ID       string `row:",key"`
	Channel  string
	Mode     string
	Settings workstream.Settings
	Changes  int64 // counts its settings, from 1: terms name it
	Modified time.Time
	Revision eventstore.Revision
}

// Terms are what a conversation started now takes along.
func (r WorkstreamRow) Terms() domain.Terms {
	return workstream.Workstream{ID: r.ID, Channel: r.Channel, Mode: r.Mode, Settings: r.Settings, Revision: r.Changes}.Terms()
}

// WidgetRow is the piece of a page that customers chat through (PER-2).
type WidgetRow struct {
	ID         string `row:",key"`
	Workstream string
	Proactive  bool
	Origins    []string
	Hours      string // operating hours; empty is round the clock
	Modified   time.Time
	Revision   eventstore.Revision
}

// HoursRow is operating hours (CON-7).
type HoursRow struct {
	ID       string `row:",key"`
	Hours    hours.Hours
	Modified time.Time
	Revision eventstore.Revision
}

// ProfileRow is a capacity profile (AGT-3).
type ProfileRow struct {
	ID       string `row:",key"`
	Name     string
	Limit    int `row:"most"`
	Daily    bool
	Blocking bool
	Modified time.Time
	Revision eventstore.Revision
}

var (
	contactsTable   = NewTable[ContactRow]("contacts")
	casesTable      = NewTable[CaseRow]("cases", "contact, modified DESC", "modified, id")
	queueTable      = NewTable[QueueRow]("queues", "number, id")
	memberTable     = NewTable[memberRow]("queue_members", "agent")
	workstreamTable = NewTable[WorkstreamRow]("workstreams")
	widgetTable     = NewTable[WidgetRow]("widgets")
	hoursTable      = NewTable[HoursRow]("hours")
	profileTable    = NewTable[ProfileRow]("profiles")
)

// Directory is who and what there is: contacts, cases and the configuration.
func Directory() Projection {
	return Projection{
		Name: "directory", Version: 2, Kinds: []string{"contact", "case", "queue", "workstream", "widget", "hours", "profile"},
		Tables: []AnyTable{contactsTable, casesTable, queueTable, memberTable, workstreamTable, widgetTable, hoursTable, profileTable}, Fold: foldDirectory,
	}
}

func foldDirectory(r *Rows, f domain.Fact, at At) error {
	switch f.Kind {
	case "contact":
		foldContact(r, f, at)
	case "case":
		foldCase(r, f, at)
	case "queue":
		foldQueue(r, f, at)
	case "workstream":
		switch e := f.Event.(type) {
		case workstream.Created:
			workstreamTable.Put(r, WorkstreamRow{ID: f.ID, Channel: e.Channel, Mode: e.Mode, Settings: e.Settings, Changes: 1,
				Modified: at.HappenedAt, Revision: at.Revision})
		case workstream.Reconfigured:
			row := workstreamTable.Make(r, f.ID)
			row.Settings, row.Modified, row.Revision = e.Settings, at.HappenedAt, at.Revision
			row.Changes++
		}
	case "hours":
		if e, ok := f.Event.(hours.Set); ok {
			hoursTable.Put(r, HoursRow{ID: f.ID, Modified: at.HappenedAt, Revision: at.Revision,
				Hours: hours.Hours{ID: e.Hours, Name: e.Name, Zone: e.Zone, Weekly: e.Weekly, Holidays: e.Holidays}})
		}
	case "profile":
		if e, ok := f.Event.(profile.Set); ok {
			profileTable.Put(r, ProfileRow{ID: f.ID, Name: e.Name, Limit: e.Limit, Daily: e.Daily, Blocking: e.Blocking,
				Modified: at.HappenedAt, Revision: at.Revision})
		}
	case "widget":
		if e, ok := f.Event.(widget.Configured); ok {
			widgetTable.Put(r, WidgetRow{ID: f.ID, Workstream: e.Workstream, Proactive: e.Proactive, Origins: slices.Clone(e.Origins), Hours: e.Hours,
				Modified: at.HappenedAt, Revision: at.Revision})
		}
	}
	return nil
}

func foldContact(r *Rows, f domain.Fact, at At) {
	switch e := f.Event.(type) {
	case contact.Recorded:
		row := contactsTable.Make(r, f.ID)
		d := e.Details
		row.Subject, row.Name, row.Email, row.Phones, row.Location, row.Account = at.Subject, d.Name, d.Email, slices.Clone(d.Phones), d.Location, e.Account
		if row.Recorded.IsZero() {
			row.Recorded = at.HappenedAt
		}
		row.Modified, row.Revision = at.HappenedAt, at.Revision
	case contact.Erased:
		if row := contactsTable.Get(r, f.ID); row != nil {
			row.Erased, row.Modified, row.Revision = true, at.HappenedAt, at.Revision
		}
	case contact.CarriedForward:
	default:
		if row := contactsTable.Get(r, f.ID); row != nil {
			row.Revision = at.Revision
		}
	}
}

func foldCase(r *Rows, f domain.Fact, at At) {
	if e, ok := f.Event.(cases.Opened); ok {
		casesTable.Put(r, CaseRow{ID: f.ID, Subject: at.Subject, Number: e.Number, Contact: e.Contact, Title: e.Title, Product: e.Product,
			Description: e.Description, Status: cases.StatusActive, Opened: at.HappenedAt, Modified: at.HappenedAt, Revision: at.Revision})
		return
	}
	row := casesTable.Get(r, f.ID)
	if row == nil {
		return
	}
	switch e := f.Event.(type) {
	case cases.StatusSet:
		row.Status, row.Modified, row.Revision = e.Status, at.HappenedAt, at.Revision
	case cases.Noted:
		row.Modified, row.Revision = at.HappenedAt, at.Revision
	}
}

func foldQueue(r *Rows, f domain.Fact, at At) {
	row := queueTable.Make(r, f.ID)
	switch e := f.Event.(type) {
	case queue.Configured:
		row.Name, row.Number, row.Method = e.Name, e.Number, e.Method
		row.Hours, row.Tell, row.Overflow, row.Deleted = e.Hours, e.Tell, e.Overflow, false
	case queue.Deleted:
		row.Deleted = true
	case queue.MemberAdded:
		if i, there := slices.BinarySearch(row.Members, e.Agent); !there {
			row.Members = slices.Insert(slices.Clone(row.Members), i, e.Agent)
		}
		memberTable.Make(r, f.ID, e.Agent)
	case queue.MemberRemoved:
		row.Members = slices.DeleteFunc(slices.Clone(row.Members), func(a string) bool { return a == e.Agent })
		memberTable.Delete(r, f.ID, e.Agent)
	}
	row.Modified, row.Revision = at.HappenedAt, at.Revision
}
