FROM scratch
COPY <<EOF /x
one
EOF
CPOY a /
