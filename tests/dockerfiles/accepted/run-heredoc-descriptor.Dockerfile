FROM scratch AS made
RUN cat 0<<EOF 3<<'OTHER' && true
one
EOF
two
OTHER
FROM scratch AS check
