package projections

// All are the read models of Parley. Each is a file of its own: its rows, its
// fold and its queries.
func All() []Projection {
	return []Projection{
		Active(),
		WorkItems(),
		Timeline(),
		Summaries(),
		SelfService(),
		Capacity(),
		Notifications(),
		Sessions(),
		Due(),
		Directory(),
	}
}
