package view

// The language of conditions, small on purpose: what it can say is bound by
// parameters and by columns of the schema, so nothing in it is ever SQL.
//
//	or       = and { ("or" | "||") and }
//	and      = not { ("and" | "&&") not }
//	not      = ("not" | "!") not | test
//	test     = "(" or ")" | operand [ compare ]
//	compare  = ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") operand
//	         | ["not"] "in" "(" constant { "," constant } ")"
//	         | ["not"] "like" constant
//	         | "is" ["not"] "null"
//	operand  = column | constant
//	constant = 'text' | "text" | number | "true" | "false" | "null" | "?"
//
// A column alone is a test of a bool. Constants are converted to the type of
// the column that they are compared with: sent > '2026-01-31', done = 'true'.
// As in SQL, a comparison with a row's null is not true, nor is its negation;
// = null and != null ask for null itself. like knows % and _, ignores the case
// of ASCII letters, and \ takes the meaning from the next character.

const (
	maxWhere   = 64 << 10 // bytes
	maxNesting = 100      // of parentheses and not
	maxTests   = 500      // in one condition
	maxIn      = 10000    // constants in all lists
	maxPattern = 1000     // bytes: matching is quadratic
)

// expr is a condition: one of junction, negation, test.
type expr any

type junction struct {
	op    string // and, or
	parts []expr
}

type negation struct{ part expr }

// test compares a column with constants or with a column.
type test struct {
	op    string // = != < <= > >= in like null bool
	not   bool
	left  operand
	right []operand
	at    int
}

// operand is a column or a constant.
type operand struct {
	column string // empty: a constant
	value  any    // nil, bool, int64, float64, string, or what Args hold
	at     int
}

type parser struct {
	tokens []token
	args   []any
	depth  int
	tests  int
	listed int
}

// parse reads a condition; nil for an empty one.
func parse(src string, args []any) (expr, error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, args: args}
	var e expr
	if p.peek().kind != tokEnd {
		if e, err = p.or(); err != nil {
			return nil, err
		}
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.unexpected("and, or, or the end")
	}
	if len(p.args) > 0 {
		return nil, badQuery(len(src), "%d values more than ?", len(p.args))
	}
	return e, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != tokEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes the next token if it is this word or symbol.
func (p *parser) accept(text string) bool {
	t := p.peek()
	if (t.kind != tokWord && t.kind != tokSymbol) || t.text != text {
		return false
	}
	p.take()
	return true
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.unexpected(text)
	}
	return nil
}

func (p *parser) unexpected(want string) error { return badQuery(p.peek().at, "expected %s", want) }

func (p *parser) or() (expr, error)  { return p.junction("or", p.and) }
func (p *parser) and() (expr, error) { return p.junction("and", p.not) }

func (p *parser) junction(op string, part func() (expr, error)) (expr, error) {
	e, err := part()
	if err != nil {
		return nil, err
	}
	parts := []expr{e}
	for p.accept(op) {
		if e, err = part(); err != nil {
			return nil, err
		}
		parts = append(parts, e)
	}
	if len(parts) == 1 {
		return e, nil
	}
	return junction{op, parts}, nil
}

// nest bounds the recursion of the parser, and of SQLite's after it.
func (p *parser) nest() (leave func(), err error) {
	if p.depth++; p.depth > maxNesting {
		return nil, badQuery(p.peek().at, "nested more than %d deep", maxNesting)
	}
	return func() { p.depth-- }, nil
}

func (p *parser) not() (expr, error) {
	if !p.accept("not") {
		return p.test()
	}
	leave, err := p.nest()
	if err != nil {
		return nil, err
	}
	defer leave()
	e, err := p.not()
	return negation{e}, err
}

func (p *parser) test() (expr, error) {
	if p.accept("(") {
		leave, err := p.nest()
		if err != nil {
			return nil, err
		}
		defer leave()
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	}
	if p.tests++; p.tests > maxTests {
		return nil, badQuery(p.peek().at, "more than %d comparisons", maxTests)
	}
	left, err := p.operand(true)
	if err != nil {
		return nil, err
	}
	return p.compare(test{left: left, at: left.at})
}

func (p *parser) compare(t test) (expr, error) {
	switch next := p.peek(); {
	case next.kind == tokSymbol && next.text != "(" && next.text != ")" && next.text != "," && next.text != "?":
		t.op = p.take().text
		right, err := p.operand(true)
		t.right = []operand{right}
		return t, err
	case p.accept("is"):
		t.op, t.not = "null", p.accept("not")
		return t, p.expect("null")
	case p.accept("not"):
		t.not = true
	}
	switch {
	case p.accept("in"):
		t.op = "in"
		return p.list(t)
	case p.accept("like"):
		t.op = "like"
		right, err := p.operand(false)
		t.right = []operand{right}
		return t, err
	case t.not:
		return nil, p.unexpected("in or like")
	}
	t.op = "bool"
	return t, nil
}

func (p *parser) list(t test) (expr, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	for {
		v, err := p.operand(false)
		if err != nil {
			return nil, err
		}
		t.right = append(t.right, v)
		if p.listed++; p.listed > maxIn {
			return nil, badQuery(v.at, "more than %d values in lists", maxIn)
		}
		if p.accept(",") {
			continue
		}
		return t, p.expect(")")
	}
}

// operand reads a constant or, if allowed, a column.
func (p *parser) operand(column bool) (operand, error) {
	t := p.peek()
	o := operand{value: t.value, at: t.at}
	switch {
	case t.kind == tokName && column:
		o.column = t.text
	case t.kind == tokString:
		o.value = t.text
	case t.kind == tokInt || t.kind == tokReal:
	case t.kind == tokWord && (t.text == "true" || t.text == "false"):
		o.value = t.text == "true"
	case t.kind == tokWord && t.text == "null":
	case t.kind == tokSymbol && t.text == "?":
		if len(p.args) == 0 {
			return o, badQuery(t.at, "no value is given for this ?")
		}
		o.value, p.args = p.args[0], p.args[1:]
	case column:
		return o, p.unexpected("a column or a value")
	default:
		return o, p.unexpected("a value")
	}
	p.take()
	return o, nil
}
