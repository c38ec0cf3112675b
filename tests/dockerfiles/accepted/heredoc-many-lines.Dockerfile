FROM scratch
COPY <<EOF /x
# 0 \

# 1 \

# 2 \

FROM nothing
EOF
