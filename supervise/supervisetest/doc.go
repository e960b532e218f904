// Package supervisetest helps to test what package supervise runs: services that somebody writes, and
// trees that somebody builds.
//
// [TestService] checks that a service keeps the contract of Serve:
//
//	func TestWorker(t *testing.T) {
//		supervisetest.TestService(t, func() supervise.Service { return &Worker{Queue: newQueue(t)} })
//	}
//
// [Record] collects what happens in a tree, to be compared as a whole: what is missing, in excess or in
// another order is a fault. [Flaky], [Hang] and [PanicAfter] are services that fail to order, for the
// places of those that a tree has to survive.
//
//	func TestTheShopSurvivesItsUpstream(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			shop := newShop(supervisetest.Flaky(1, errors.New("refused")))
//			events := supervisetest.Record(t, shop)
//			go shop.Serve(t.Context())
//			events.Want(
//				"shop starting 1",
//				"shop/upstream starting 1",
//				"shop/upstream running 1",
//				"shop running 1",
//				"shop/upstream backoff 1: refused",
//				"shop/upstream starting 2",
//				"shop/upstream running 2",
//			)
//			...
//
// In a bubble of testing/synctest, as here, delays take no time and are exact. All of the package works
// there, and outside as well.
package supervisetest
