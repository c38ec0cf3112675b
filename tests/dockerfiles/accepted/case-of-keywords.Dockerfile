from scratch As Made
Env A=1
From made as check
label a=1
