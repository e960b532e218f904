module tend.example/tend/bench

go 1.26.0

require (
	github.com/thejerf/suture/v4 v4.0.6
	golang.org/x/sync v0.25.0
	tend.example/tend v0.0.0
)

require (
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	golang.org/x/sys v0.41.0 // indirect
)

replace tend.example/tend => ../
