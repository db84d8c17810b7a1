module token-approx/examples/go

go 1.19
