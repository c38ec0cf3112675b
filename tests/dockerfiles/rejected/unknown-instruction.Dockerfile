FROM scratch

# c
CPOY a /
