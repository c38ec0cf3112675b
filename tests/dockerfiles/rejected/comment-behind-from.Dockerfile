FROM scratch # nothing
