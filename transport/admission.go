package transport

import (
	"context"
	"fmt"

	"github.com/99designs/gqlgen/graphql"

	"gatehouse/shards"
	"gatehouse/tenancy"
	"gatehouse/transport/cost"
	"gatehouse/transport/guard"
)

// DefaultMaxCost is the most that one operation may cost, in points.
const DefaultMaxCost = 10_000

// Admission bounds what operations may take. A nil field bounds nothing.
type Admission struct {
	// Prices tell what an operation may cost, and MaxCost what is too much;
	// DefaultMaxCost where 0.
	Prices  *cost.Prices
	MaxCost int64
	Budgets *tenancy.Budgets
	Turns   *tenancy.Turns
}

// admitted is what one operation has taken, and gives back.
type admitted struct{ request *tenancy.Request }

// open begins the spending of a request, and takes the point that every request
// costs, whatever comes of it.
func (a *Admission) open(request *tenancy.Request) error {
	if a.Budgets == nil || request.Spending.Counted() {
		return nil
	}
	request.Spending = a.Budgets.Begin(request.Caller)
	return request.Spending.Request(1)
}

// wait waits for the account's turn to compute.
func (a *Admission) wait(ctx context.Context, request *tenancy.Request) error {
	if a.Turns == nil || request.Turn != nil {
		return nil
	}
	turn, err := a.Turns.Wait(ctx, &request.Caller.Account)
	if err != nil {
		return err
	}
	request.Turn = turn
	request.Handle.InTurn(turn)
	return nil
}

// enter begins to spend and to compute, where the request does not yet.
func (a *Admission) enter(ctx context.Context, in *admitted, request *tenancy.Request) error {
	if err := a.open(request); err != nil {
		return err
	}
	in.request = request
	return a.wait(ctx, request)
}

// charge takes what an operation may cost, before it is executed. It is one of
// doc's, nil where that is not kept.
func (a *Admission) charge(in *admitted, c *graphql.OperationContext, doc *guard.Document) error {
	if a.Prices == nil || in.request == nil {
		return nil
	}
	most := a.MaxCost
	if most == 0 {
		most = DefaultMaxCost
	}
	points := a.price(c, doc, most)
	if points > most {
		return &shards.Error{Code: shards.CostLimit, Message: fmt.Sprintf("the operation would cost more than %d points; ask for smaller pages", most)}
	}
	return a.take(in.request, points)
}

// take takes what an operation may cost.
func (a *Admission) take(request *tenancy.Request, points int64) error {
	request.Price = points
	if a.Prices == nil {
		return nil
	}
	return request.Spending.Request(points)
}

// spare is take for what is answered without a read.
func (a *Admission) spare(request *tenancy.Request, points int64) error {
	request.Price = points
	if a.Prices == nil {
		return nil
	}
	return request.Spending.Spare(points)
}

// price works out what an operation costs, only once where it always costs the same.
func (a *Admission) price(c *graphql.OperationContext, doc *guard.Document, most int64) int64 {
	if doc == nil {
		points, _ := a.Prices.Of(c.Operation, c.Variables, most)
		return points
	}
	if known, ok := doc.Costs.Load(c.Operation); ok {
		return known.(int64)
	}
	points, always := a.Prices.Of(c.Operation, c.Variables, most)
	if always {
		doc.Costs.Store(c.Operation, points)
	}
	return points
}

// rest gives the turn back, when all that is left to do is to send: a client
// may take its time for that.
func (in *admitted) rest() {
	if in.request != nil && in.request.Turn != nil {
		in.request.Turn.End()
	}
}

// settle notes what the operation has cost so far, and gives back what was not
// needed.
func (in *admitted) settle() {
	if in.request != nil {
		in.request.Spending.Settle(cost.Actual(in.request.Handle.Usage()))
	}
}

// leave gives back everything.
func (in *admitted) leave() {
	in.settle()
	in.rest()
}

// costOf returns what a request has cost, nil where nobody counts.
func costOf(request *tenancy.Request) *tenancy.Cost {
	if request == nil {
		return nil
	}
	return request.Spending.Cost()
}
