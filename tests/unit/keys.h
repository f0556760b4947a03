// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_TEST_KEYS_H
#define SSHIPC_TEST_KEYS_H
/* Public keys made by ssh-keygen for the tests (the sk- ones assembled from them), and what
 * ssh-keygen -l says of them. */

#define BLOB_ED "AAAAC3NzaC1lZDI1NTE5AAAAIN6HImNkE4f23Npob39/lAW5fRvzPbpc8XS1uGBQOKwO"
#define KEY_ED	"ssh-ed25519 " BLOB_ED
#define FP_ED	"SHA256:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oYk"

#define BLOB_ED2 "AAAAC3NzaC1lZDI1NTE5AAAAICvw4QZ+X9ywZ5s3oKGI3Wnknf+3WawkhERavi1InSqV"
#define KEY_ED2	 "ssh-ed25519 " BLOB_ED2
#define FP_ED2	 "SHA256:ehAHifBpKofrGCHPo4uddxHyMtb/9fhweAcmPePa5II"

#define BLOB_P256                                                                                  \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCpPYs5SbXS7jtPcz0dIq36spSDaA5g7ZWpp" \
	"1r5hpveBSCfIFXKPtNCfJaOS6cMr9aMhRuuDm+2qaf/pJQFgYX8="
#define KEY_P256 "ecdsa-sha2-nistp256 " BLOB_P256
#define FP_P256	 "SHA256:gp1u0MlzC93+TgkBBZxEaGShBMlOoaKUrlgEM1Xuzwc"

#define BLOB_P384                                                                                  \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBJrIBqyouE5Kb8WgwnXHILYv1vG1qpsr4VYe" \
	"0jSiUhrp/jGPCl51muy3buHOn9wFo5X62nf91XNy95a9wCA2b5hDH27JSr2tf/uJTBVAbMHa2UrQGkk5/"        \
	"dfCZ1wyzILOKQ=="
#define KEY_P384 "ecdsa-sha2-nistp384 " BLOB_P384
#define FP_P384	 "SHA256:rjenm05yHdKbYI6LzTcwpW9MEtKGc6Zei4u6i64l8LQ"

#define BLOB_P521                                                                                  \
	"AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBACjslmo5ip7KsYWs3niADUT90Orgtu02Ys3" \
	"zJaVHxBv08iBTIoUSQAXfwTOvTg2BWtnE+5dKy7JiBD9510GaAnOEwEd9OAa7rUSz7Fn3UmqOAfpJb6H+gWj9G+"  \
	"zbu4MSUffqRAXnpRkVtlKpBJdG7iDVosjBPeuKLMGq+MpKkvrIbRBdw=="
#define KEY_P521 "ecdsa-sha2-nistp521 " BLOB_P521
#define FP_P521	 "SHA256:anM0/MI7pHbSRJgntHK7yT7ChebCSd1VQ36bkmCfmVQ"

#define BLOB_RSA2048                                                                               \
	"AAAAB3NzaC1yc2EAAAADAQABAAABAQCf0QD/1NtMO+GAaLS9jPIQDIU/JWM/"                             \
	"fDG7676hZKyyyVDkPttWok6Xt2yFb266hEFuBcHiH+T5eWcYT5FbW3VpjTMZV/beYsk9N+uOuEggitiQr5/"      \
	"0UZQvMOceCkMYqS/tTanFXbkb38XHuMTLyTj+zPoZOYxnR9bsGM0Io/cRlQum4SPqGjiwEDSaT8XMFPBGXZ/"     \
	"+cZFAgK6Wetwb6J3UxKGrXdSuOaadRbujz1hoXI8aQbrQSo/"                                         \
	"KY9EqryxSHbJv78qReCdyyJKsi6mRdAR525z0J0eNuKdKoasqUuU3DQDzeEXaTV6TvxQfuuWdkSg32DZ03vRmzSg" \
	"QBWdBVMt7"
#define KEY_RSA2048 "ssh-rsa " BLOB_RSA2048
#define FP_RSA2048  "SHA256:0M2AvGsgzWsvExSthQqlHj1NBmAOPCvgg23rzv2L/x4"

#define BLOB_RSA2047                                                                               \
	"AAAAB3NzaC1yc2EAAAADAQABAAABAGn/emilFBrVeQvB5UEorcHqy/ea/rtXRASoWM/"                      \
	"LBvLl1o08UHCZMH5lZ3jxqbbU1+kHTtnV80olFtpIY/"                                              \
	"dA3tv3x+uBjywTeICYK0ZQGaFQxJzq5Zt5qjKdHLQZmNk/SZlojm2un/jnfgdf05PZGvJTe4UslbQ5QU2m39f8G/" \
	"/h7zLXvew0yiVXU3NLF8Tcx9JTphpVbCq/3EeFRG9/HpgkqdQNXHrzXQpNgyZ0Ze0lYyyudFm21f+/"           \
	"sPIAveuw7caiLrbdocoGkuaZ5aEVwWVrk/BIy3QQTsz19VbnD7Vz8DE7diFKbTa3t4ZkueULI2+dDRLFN7KlZNH/" \
	"LSQVw6c="
#define KEY_RSA2047 "ssh-rsa " BLOB_RSA2047
#define FP_RSA2047  "SHA256:8UFLaaGXM6KOHo9TsLlpJxyfeOXzrMt/Z8FV5aDHYCA"

#define BLOB_RSA1024                                                                               \
	"AAAAB3NzaC1yc2EAAAADAQABAAAAgQC+Wng6EKb5sfjQCGHp/f7adNRwQ79b+h4VuiRCL0yQbK9ck2QvJEE/"     \
	"NeVSbp5i//OtlbJXWmJdrVHGyVOvGDOzX3kIcQXf6whdMUkvOEK5XwqzRNUa/"                            \
	"HNzXYQgCgN1qaxZP9hEYf4ZVtyQxlOir8QbI1OnKhv7pXlTxWXwwgh9Ew=="
#define KEY_RSA1024 "ssh-rsa " BLOB_RSA1024
#define FP_RSA1024  "SHA256:AvbwLKY4BHgN9Ku0G8MJzZtR7r96cdTAsHnT6TbCMPA"

#define BLOB_DSA                                                                                   \
	"AAAAB3NzaC1kc3MAAACBAMmz+kmXTGTXwUjUUlxG4v0E2M+M3sIMqYUOVgre76LURLjkaZD1+"                \
	"IG7XKhWNfAY9HZioFehM1jUNc8F37JEvzmhhGYw++"                                                \
	"50yNGVWEgpDdJsbNhs2VuNj8VIGFFKt717MzjtoB30D9KK3k7R9xsOORZk4FbHnAt7LUyalp9HnsN3AAAAFQDzAr" \
	"9wFRrVEHy1tiBqjDg7sPAQCwAAAIAWSkMG76Guz2sceB0Kf9A5rV4D9Y127SlUGAG+"                       \
	"HRxEavb0LyvtiQGzjqcFaLm0CQxEoIrJglyfMAwCrQ3OCjurXkhlvTq4mjMaZi6FIpB4I0gbIz7/"             \
	"M2BzRHztCIsuo0Bj9GpPJ1WT7W8DjeJBlGVoVZdFTOdHApuiYqlcPyUkMQAAAH8arKSwP2XkXgxdTAswhMKvUz1L" \
	"wRyLtz8htgyNjTmVl19e2VmVlyMU4MKGFZxLHgeAl77vtIZHCFaT7WFGSzNR2nnaRsj6dMo4JF7rfEsal6jTX+"   \
	"eh0rF7cvWcd3oat7buC/dtCPSwS4s8+hCZPW6oKm49BY2+PSFUCYWe6UpA"
#define KEY_DSA "ssh-dss " BLOB_DSA
#define FP_DSA	"SHA256:0LkpNxKXPNIBkm29lbxLfMd6Q7KbngToM7UkntoXaTM"

#define BLOB_SK_ED                                                                                 \
	"AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIN6HImNkE4f23Npob39/"                         \
	"lAW5fRvzPbpc8XS1uGBQOKwOAAAABHNzaDo="
#define KEY_SK_ED "sk-ssh-ed25519@openssh.com " BLOB_SK_ED
#define FP_SK_ED  "SHA256:/85AwPpRbrPOymTL2PL2qvhzuoMW9G5mqHspi6+ofhk"

#define BLOB_SK_P256                                                                               \
	"AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBCpPYs5SbXS7jtPc" \
	"z0dIq36spSDaA5g7ZWpp1r5hpveBSCfIFXKPtNCfJaOS6cMr9aMhRuuDm+2qaf/pJQFgYX8AAAAEc3NoOg=="
#define KEY_SK_P256 "sk-ecdsa-sha2-nistp256@openssh.com " BLOB_SK_P256
#define FP_SK_P256  "SHA256:GPGh967kQbwCZXNfLrBh/DFjzY5+EyLvUmjSU4s2xHM"

#define KEY_CERT                                                                                   \
	"ssh-ed25519-cert-v01@openssh.com "                                                        \
	"AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIAFHXHb8NDFOxeuyeWzDkbFulxq8bMvPIL7+" \
	"mQYB44zIAAAAICvw4QZ+X9ywZ5s3oKGI3Wnknf+"                                                  \
	"3WawkhERavi1InSqVAAAAAAAAAAAAAAABAAAAAXgAAAAAAAAAAAAAAAD//////////"                       \
	"wAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAA" \
	"AAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyL" \
	"XJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIN6HImNkE4f23Npob39/"                          \
	"lAW5fRvzPbpc8XS1uGBQOKwOAAAAUwAAAAtzc2gtZWQyNTUxOQAAAECjAduSizULcq0IdBuF34vDFC6fJYt5rn7Q" \
	"7dT7ybwSHOaouZyMiKMDip4b+sHBQajMbBZRL1EqKUg8WGT2p2EI"

#endif
