module tend.example/tend/bench

go 1.26.0

require (
	github.com/thejerf/suture/v4 v4.0.6
	golang.org/x/sync v0.25.0
	tend.example/tend v0.0.0
)

replace tend.example/tend => ../
