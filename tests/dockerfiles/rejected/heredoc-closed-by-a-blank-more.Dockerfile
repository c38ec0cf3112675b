FROM scratch
COPY <<EOF /x
one
EOF 
