package services_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests need zones, and not every machine has them

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func berlin(t testing.TB) *time.Location { return zone(t, "Europe/Berlin") }

func TestCronSyntax(t *testing.T) {
	for _, test := range []struct {
		expr string
		want string // the times that follow the first second of 2026, a Thursday
	}{
		{"* * * * *", "Thu 01-01 00:01:00, Thu 01-01 00:02:00, Thu 01-01 00:03:00"},
		{"? ? ? ? ?", "Thu 01-01 00:01:00, Thu 01-01 00:02:00, Thu 01-01 00:03:00"},
		{"* * * * * *", "Thu 01-01 00:00:01, Thu 01-01 00:00:02, Thu 01-01 00:00:03"},
		{"30 * * * * *", "Thu 01-01 00:00:30, Thu 01-01 00:01:30, Thu 01-01 00:02:30"},
		{"59 59 23 31 12 *", "Thu 12-31 23:59:59, Fri 12-31 23:59:59, Sun 12-31 23:59:59"},
		{"*/20 * * * *", "Thu 01-01 00:20:00, Thu 01-01 00:40:00, Thu 01-01 01:00:00"},
		{"5/20 * * * *", "Thu 01-01 00:05:00, Thu 01-01 00:25:00, Thu 01-01 00:45:00"},
		{"10-50/20 2 * * *", "Thu 01-01 02:10:00, Thu 01-01 02:30:00, Thu 01-01 02:50:00"},
		{"*/90 * * * *", "Thu 01-01 01:00:00, Thu 01-01 02:00:00, Thu 01-01 03:00:00"},
		{"0 9-17/4 * * *", "Thu 01-01 09:00:00, Thu 01-01 13:00:00, Thu 01-01 17:00:00"},
		{"0 3,1,3,2 * * *", "Thu 01-01 01:00:00, Thu 01-01 02:00:00, Thu 01-01 03:00:00"},
		{"0 0 * jan-Feb/1,12 1", "Mon 01-05 00:00:00, Mon 01-12 00:00:00, Mon 01-19 00:00:00"},
		{"0 0 29 2 *", "Tue 02-29 00:00:00, Sun 02-29 00:00:00, Fri 02-29 00:00:00"},
		{"0 0 31 * *", "Sat 01-31 00:00:00, Tue 03-31 00:00:00, Sun 05-31 00:00:00"},
		{"0 0 l * *", "Sat 01-31 00:00:00, Sat 02-28 00:00:00, Tue 03-31 00:00:00"},
		{"0 0 15,L 2-3 *", "Sun 02-15 00:00:00, Sat 02-28 00:00:00, Sun 03-15 00:00:00"},
		{"0 0 ? * SAT,sun", "Sat 01-03 00:00:00, Sun 01-04 00:00:00, Sat 01-10 00:00:00"},
		{"0 0 * * 7", "Sun 01-04 00:00:00, Sun 01-11 00:00:00, Sun 01-18 00:00:00"},
		{"0 0 * * 7-7", "Sun 01-04 00:00:00, Sun 01-11 00:00:00, Sun 01-18 00:00:00"},
		{"0 0 * * SUN-SUN", "Sun 01-04 00:00:00, Sun 01-11 00:00:00, Sun 01-18 00:00:00"},
		{"0 0 * * 6-7", "Sat 01-03 00:00:00, Sun 01-04 00:00:00, Sat 01-10 00:00:00"},
		{"0 0 * * sat-SUN", "Sat 01-03 00:00:00, Sun 01-04 00:00:00, Sat 01-10 00:00:00"},
		{"0 0 * * 0-7", "Fri 01-02 00:00:00, Sat 01-03 00:00:00, Sun 01-04 00:00:00"},
		{"0 0 * * 3-7/2", "Fri 01-02 00:00:00, Sun 01-04 00:00:00, Wed 01-07 00:00:00"},
		{"0 0 * * 4-7/2", "Sat 01-03 00:00:00, Thu 01-08 00:00:00, Sat 01-10 00:00:00"},
		{"0 0 * * 5L", "Fri 01-30 00:00:00, Fri 02-27 00:00:00, Fri 03-27 00:00:00"},
		{"0 0 * * FRIL,7L", "Sun 01-25 00:00:00, Fri 01-30 00:00:00, Sun 02-22 00:00:00"},
		{"0 0 * * MON#2", "Mon 01-12 00:00:00, Mon 02-09 00:00:00, Mon 03-09 00:00:00"},
		{"0 0 * * 7#1,SUN#5", "Sun 01-04 00:00:00, Sun 02-01 00:00:00, Sun 03-01 00:00:00"},
		{"0 0 * * 5#5", "Fri 01-30 00:00:00, Fri 05-29 00:00:00, Fri 07-31 00:00:00"},
		{"0 0 13 * FRI", "Fri 01-02 00:00:00, Fri 01-09 00:00:00, Tue 01-13 00:00:00"},
		{"0 0 L * MON#1", "Mon 01-05 00:00:00, Sat 01-31 00:00:00, Mon 02-02 00:00:00"},
		{"0 0 */2 * MON", "Mon 01-05 00:00:00, Mon 01-19 00:00:00, Mon 02-09 00:00:00"},
		{"0 0 1-7 * */7", "Sun 01-04 00:00:00, Sun 02-01 00:00:00, Sun 03-01 00:00:00"},
		{"0 0 31 2 FRI", "Fri 02-06 00:00:00, Fri 02-13 00:00:00, Fri 02-20 00:00:00"},
		{"@yearly", "Fri 01-01 00:00:00, Sat 01-01 00:00:00, Mon 01-01 00:00:00"},
		{"@annually", "Fri 01-01 00:00:00, Sat 01-01 00:00:00, Mon 01-01 00:00:00"},
		{"@monthly", "Sun 02-01 00:00:00, Sun 03-01 00:00:00, Wed 04-01 00:00:00"},
		{"@weekly", "Sun 01-04 00:00:00, Sun 01-11 00:00:00, Sun 01-18 00:00:00"},
		{"@daily", "Fri 01-02 00:00:00, Sat 01-03 00:00:00, Sun 01-04 00:00:00"},
		{"@midnight", "Fri 01-02 00:00:00, Sat 01-03 00:00:00, Sun 01-04 00:00:00"},
		{"@hourly", "Thu 01-01 01:00:00, Thu 01-01 02:00:00, Thu 01-01 03:00:00"},
		{" @every  90s ", "Thu 01-01 00:01:30, Thu 01-01 00:03:00, Thu 01-01 00:04:30"},
	} {
		s, err := services.Cron(test.expr, time.UTC)
		if err != nil {
			t.Errorf("%s: %v", test.expr, err)
			continue
		}
		var got []string
		for _, next := range following(s, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 3) {
			got = append(got, next.Format("Mon 01-02 15:04:05"))
		}
		if got := strings.Join(got, ", "); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.expr, got, test.want)
		}
	}
}

func TestCronRefuses(t *testing.T) {
	for _, test := range []struct{ expr, want string }{
		{"", `it has 0 fields, not 5`},
		{"0 3 * *", `it has 4 fields, not 5`},
		{"0 0 3 * * * 2026", `it has 7 fields, not 5`},
		{"TZ=UTC", `the zone does not belong into the expression`},
		{"TZ=UTC 0 3 * * *", `the zone does not belong into the expression`},
		{"CRON_TZ=Europe/Berlin 0 3 * * *", `the zone does not belong into the expression`},
		{"60 * * * * *", `second "60": `},
		{"60 * * * *", `minute "60": `},
		{"*/0 * * * *", `minute "*/0": `},
		{"*/x * * * *", `minute "*/x": `},
		{"*-5 * * * *", `minute "*-5": `},
		{"1,,2 * * * *", `minute "1,,2": `},
		{"+5 * * * *", `minute "+5": `},
		{"-5 * * * *", `minute "-5": `},
		{"5- * * * *", `minute "5-": `},
		{"1-2-3 * * * *", `minute "1-2-3": `},
		{"5/10/2 * * * *", `minute "5/10/2": `},
		{"99999999999999999999 * * * *", `minute "99999999999999999999": `},
		{"L * * * *", `minute "L": `},
		{"0 24 * * *", `hour "24": `},
		{"0 22-2 * * *", `hour "22-2": `},
		{"0 0 0 * *", `day of month "0": `},
		{"0 0 32 * *", `day of month "32": `},
		{"0 0 15W * *", `day of month "15W": `},
		{"0 0 L-3 * *", `day of month "L-3": `},
		{"0 0 * 13 *", `month "13": `},
		{"0 0 * FOO *", `month "FOO": `},
		{"0 0 * * 8", `day of week "8": `},
		{"0 0 * * 7/2", `day of week "7/2": `},
		{"0 0 * * 5-7/0", `day of week "5-7/0": `},
		{"0 0 * * 5-7/x", `day of week "5-7/x": `},
		{"0 0 * * *-7", `day of week "*-7": `},
		{"0 0 * * L", `day of week "L": what stands before L or # is one day`},
		{"0 0 * * 1-5L", `day of week "1-5L": what stands before L or # is one day`},
		{"0 0 * * FOO#1", `day of week "FOO#1": `},
		{"0 0 * * FOOL", `day of week "FOOL": `},
		{"0 0 * * #1", `day of week "#1": what stands before L or # is one day`},
		{"0 0 * * MON#0", `day of week "MON#0": # takes 1 to 5`},
		{"0 0 * * MON#6", `day of week "MON#6": # takes 1 to 5, as no month has more`},
		{"0 0 * * MON#x", `day of week "MON#x": # takes 1 to 5`},
		{"0 0 30 2 *", `it would never run: day of month "30" does not come in month "2"`},
		{"0 0 31 FEB,4-4,6/5 ?", `it would never run: day of month "31" does not come in month "FEB,4-4,6/5"`},
		{"0 0 */31 * MON#2", `it would never run: no date in any year matches day of month "*/31", month "*" and day of week "MON#2" together`},
		{"@reboot", `no macro of that name`},
		{"@daily 5", `no macro of that name`},
		{"@every", `@every takes one duration`},
		{"@every 1m 2s", `@every takes one duration`},
		{"@every often", `invalid duration "often"`},
		{"@every -1s", `the duration -1s is not positive`},
		{"@every 0s", `the duration 0s is not positive`},
	} {
		s, err := services.Cron(test.expr, nil)
		if err == nil {
			t.Errorf("%q: got schedule %v, want an error", test.expr, s)
			continue
		}
		if s != nil {
			t.Errorf("%q: got schedule %v beside the error", test.expr, s)
		}
		if !strings.HasPrefix(err.Error(), `cron "`+test.expr+`": `) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %q, want the expression and %q", test.expr, err, test.want)
		}
	}
}

func TestCronAnswersInItsZone(t *testing.T) {
	after := time.Date(2026, 1, 15, 12, 0, 0, 1, zone(t, "America/New_York"))
	got := services.MustCron("0 20 * * *", berlin(t)).Next(after).Format(time.RFC3339Nano)
	if want := "2026-01-15T20:00:00+01:00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCronEndsWithTheYear9999(t *testing.T) {
	var got []string
	for _, after := range []time.Time{
		time.Unix(-1<<62, 0), {}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999, time.UTC), time.Unix(1<<62, 0),
	} {
		for _, expr := range []string{"@yearly", "@hourly"} {
			got = append(got, services.MustCron(expr, time.UTC).Next(after).Format(time.RFC3339))
		}
	}
	none := time.Time{}.Format(time.RFC3339)
	want := []string{
		"0002-01-01T00:00:00Z", "0001-01-01T01:00:00Z", "0002-01-01T00:00:00Z", "0001-01-01T01:00:00Z",
		none, "9999-01-01T01:00:00Z", none, none, none, none,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Go 1.26 gives the zone in effect on the last day of a leap year an end that has passed.
func TestCronPassesTheLastDayOfALeapYear(t *testing.T) {
	s := services.MustCron("0 * * * *", berlin(t))
	at := time.Date(2096, 12, 30, 0, 0, 0, 0, time.UTC)
	for range 96 {
		next := s.Next(at)
		if got := next.Sub(at); got != time.Hour {
			t.Fatalf("after %s: got %s, want one hour later", at, next)
		}
		at = next
	}
}

func TestLatestOfCron(t *testing.T) {
	longAgo := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	minutely := services.MustCron("* * * * *", time.UTC)
	wantLatest(t, minutely, day(1, 0, 0), day(1, 0, 59), day(1, 0, 0), 0)
	wantLatest(t, minutely, day(1, 0, 0), day(1, 5, 59), day(1, 5, 0), 5)
	wantLatest(t, minutely, longAgo, day(1, 5, 59), day(1, 5, 0), services.MostCounted)
	burst := services.MustCron("* * 1 1 1 *", time.UTC)
	wantLatest(t, burst, longAgo, day(1, 5, 59), time.Date(2026, 1, 1, 1, 59, 59, 0, time.UTC), services.MostCounted)
}

func TestCronSaysWhatItIs(t *testing.T) {
	for _, test := range []struct {
		schedule services.Schedule
		want     string
	}{
		{services.MustCron("  0 3\t*  * mon-Fri", berlin(t)), "0 3 * * mon-Fri Europe/Berlin"},
		{services.MustCron("@daily", time.UTC), "@daily UTC"},
		{services.MustCron("@daily", nil), "@daily Local"},
		{services.MustCron("@every 90s", nil), "every 1m30s"},
	} {
		if got := fmt.Sprint(test.schedule); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestMustCronPanicsWithTheError(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "never run") {
			t.Errorf("got %s, want why it would never run", got)
		}
	}()
	services.MustCron("0 0 30 2 *", nil)
}
