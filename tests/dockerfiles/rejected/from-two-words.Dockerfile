FROM scratch one
