module trellis/pause

go 1.26
