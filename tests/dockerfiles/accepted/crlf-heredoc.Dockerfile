FROM scratch
COPY <<EOF /x
one
EOF
ENV A=1
