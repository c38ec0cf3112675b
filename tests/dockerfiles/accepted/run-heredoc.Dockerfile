FROM scratch AS made
RUN <<EOF
echo one
EOF
FROM scratch AS check
