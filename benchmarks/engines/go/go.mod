module gortbench

go 1.27

require golang.org/x/time v0.14.0
