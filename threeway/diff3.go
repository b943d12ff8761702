package threeway

// A region is one piece of the three versions: unchanged, changed by one side, or
// changed by both.
type region struct{ o, a, b span }

// diff3 cuts three sequences into regions, which cover all of them in order. Regions
// that one side changed have o equal to the other side.
func diff3(o, a, b []string) []region {
	da, db := diff(o, a), diff(o, b)
	var out []region
	at := region{}
	for len(da) > 0 || len(db) > 0 {
		var r region
		r, da, db = next(at, da, db)
		if n := r.o.from - at.o.to; n > 0 {
			out = append(out, region{span{at.o.to, r.o.from}, span{at.a.to, r.a.from}, span{at.b.to, r.b.from}})
		}
		out = append(out, r)
		at = r
	}
	if at.o.to < len(o) {
		out = append(out, region{span{at.o.to, len(o)}, span{at.a.to, len(a)}, span{at.b.to, len(b)}})
	}
	return out
}

// next takes the first hunk and all that it touches, of both sides. at is the region
// before; between the two nothing changed, which says where the other side stands.
func next(at region, da, db []hunk) (region, []hunk, []hunk) {
	first := -1
	if len(da) > 0 {
		first = da[0].old.from
	}
	if len(db) > 0 && (first < 0 || db[0].old.from < first) {
		first = db[0].old.from
	}
	end := first
	var na, nb int
	for moved := true; moved; {
		moved = false
		for na < len(da) && da[na].old.from <= end {
			end, na, moved = max(end, da[na].old.to), na+1, true
		}
		for nb < len(db) && db[nb].old.from <= end {
			end, nb, moved = max(end, db[nb].old.to), nb+1, true
		}
	}
	skip := first - at.o.to
	r := region{o: span{first, end}, a: span{from: at.a.to + skip}, b: span{from: at.b.to + skip}}
	r.a.to = r.a.from + end - first + growth(da[:na])
	r.b.to = r.b.from + end - first + growth(db[:nb])
	return r, da[na:], db[nb:]
}

// growth is how many elements more a side has after its hunks.
func growth(hunks []hunk) (n int) {
	for _, h := range hunks {
		n += (h.new.to - h.new.from) - (h.old.to - h.old.from)
	}
	return n
}
