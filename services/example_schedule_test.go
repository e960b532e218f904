package services_test

import (
	"fmt"
	"time"

	"tend.example/tend/services"
)

// list prints the next times of a schedule.
func list(s services.Schedule, after time.Time, n int) {
	fmt.Println(s)
	for range n {
		after = s.Next(after)
		fmt.Println(" ", after.Format("Mon 2006-01-02 15:04:05 -07:00"))
	}
}

func ExampleSchedule() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	schedules := []services.Schedule{
		services.Every(90 * time.Second),
		services.EveryFrom(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 15*time.Minute), // on the quarter hour
		services.AtOnce(services.Every(time.Hour)),
		services.At(time.Date(2026, 12, 31, 23, 59, 0, 0, berlin)),
		services.MustCron("0 3 * * *", berlin),            // each night at three
		services.MustCron("*/10 * 9-17 * * MON-FRI", nil), // every ten seconds in office hours, in the zone of the machine
		services.MustCron("0 18 * * FRIL", berlin),        // the month's last Friday
		services.MustCron("0 9 * * MON#2", berlin),        // and its second Monday
	}
	for _, s := range schedules {
		fmt.Println(s)
	}
	// Output:
	// every 1m30s
	// every 15m0s from 2026-01-01T00:00:00Z
	// at once, then every 1h0m0s
	// at 2026-12-31T23:59:00+01:00
	// 0 3 * * * Europe/Berlin
	// */10 * 9-17 * * MON-FRI Local
	// 0 18 * * FRIL Europe/Berlin
	// 0 9 * * MON#2 Europe/Berlin
}

// In spring 02:30 does not exist in Berlin, and the run is at the end of the gap. In autumn it comes twice,
// and the run is at the first of them. An hourly expression runs on every real hour.
func ExampleCron() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	nightly, err := services.Cron("30 2 * * *", berlin)
	if err != nil {
		fmt.Println(err)
		return
	}
	list(nightly, time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), 3)
	list(nightly, time.Date(2026, 10, 24, 0, 0, 0, 0, berlin), 3)
	list(services.MustCron("@hourly", berlin), time.Date(2026, 10, 25, 1, 0, 0, 0, berlin), 3)
	// Output:
	// 30 2 * * * Europe/Berlin
	//   Sat 2026-03-28 02:30:00 +01:00
	//   Sun 2026-03-29 03:00:00 +02:00
	//   Mon 2026-03-30 02:30:00 +02:00
	// 30 2 * * * Europe/Berlin
	//   Sat 2026-10-24 02:30:00 +02:00
	//   Sun 2026-10-25 02:30:00 +02:00
	//   Mon 2026-10-26 02:30:00 +01:00
	// @hourly Europe/Berlin
	//   Sun 2026-10-25 02:00:00 +02:00
	//   Sun 2026-10-25 02:00:00 +01:00
	//   Sun 2026-10-25 03:00:00 +01:00
}

func ExampleCron_refused() {
	for _, expr := range []string{"0 0 30 2 *", "0 25 * * *", "0 0 * * MON#6", "TZ=UTC"} {
		_, err := services.Cron(expr, nil)
		fmt.Println(err)
	}
	// Output:
	// cron "0 0 30 2 *": it would never run: day of month "30" does not come in month "2"
	// cron "0 25 * * *": hour "25": end of range (25) above maximum (23): 25
	// cron "0 0 * * MON#6": day of week "MON#6": # takes 1 to 5, as no month has more of one day of the week, and not "6"
	// cron "TZ=UTC": the zone does not belong into the expression, it is given beside it
}

func ExampleEveryFrom() {
	quarters := services.EveryFrom(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 15*time.Minute)
	list(quarters, time.Date(2026, 3, 10, 8, 20, 0, 0, time.UTC), 2)
	// Output:
	// every 15m0s from 2026-01-01T00:00:00Z
	//   Tue 2026-03-10 08:30:00 +00:00
	//   Tue 2026-03-10 08:45:00 +00:00
}
