FROM scratch
LABEL org.example.a=1 "with space"='two words' $x=y
