/**
 * The commonest passwords of 12 characters and more in lists of leaked ones, in lower case. Shorter ones are refused for their length,
 * and patterns (one piece again and again, runs on the keyboard) by rules in passwords.ts.
 */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  `
  123456789abc 1234567890ab 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv q1w2e3r4t5y6 qwerty123456
  qwertyuiop12 qwertyuiop123 qwerty1234567 qwerty12345678 asdfghjkl123 zaq12wsxcde3 zaq1zaq1zaq1 1qazxsw23edc
  password1234 password12345 password123456 password123! password2024 password2025 password2026 passwordpassword
  p@ssw0rd1234 p@ssword1234 passw0rd1234 p@ssw0rd123! p@$$w0rd1234 mypassword123 newpassword1 newpassword123
  changeme1234 changeme12345 changemenow1 letmein12345 letmein123456 welcome12345 welcome123456 welcome2024!
  welcome2025! welcome2026! administrator administrator1 admin1234567 admin12345678 admin@123456 adminadmin123
  rootrootroot root12345678 superadmin123 superuser123 defaultpassword secretpassword trustno1trustno1
  iloveyou1234 iloveyou12345 iloveyouforever iloveyousomuch iloveyou4ever ilovemyfamily ilovejesus123 jesuschrist1
  godisgood123 godisgreat12 blessed12345 football1234 football12345 basketball12 basketball123 baseball1234
  liverpool123 liverpoolfc1 chelseafc123 manchester123 manchesterunited arsenal12345 barcelona123 realmadrid123
  princess1234 princess12345 sunshine1234 sunshine12345 superman1234 superman12345 batman123456 spiderman123
  pokemon12345 starwars1234 dragonball12 dragonballz1 michael12345 jordan123456 charlie12345 jessica12345
  jennifer1234 michelle1234 alexander123 christopher1 elizabeth123 samsung12345 computer1234 internet1234
  whatever1234 abcdefghijkl abcdefghijklm abcd12345678 abc123456789 abcdef123456 a123456789012 aa1234567890
  a1b2c3d4e5f6 a1b2c3d4e5f6g7 asdf12345678 zxcvbnm12345 zxcvbnm123456 qazwsxedcrfv qazwsxedc123 google123456
  facebook1234 summer2024!! summer2025!! winter2024!! winter2025!! monkey123456 master123456 shadow123456
  killer123456 freedom12345 hello1234567 helloworld12 helloworld123 hellohello12 goodmorning1 correcthorsebatterystaple
  `
    .trim()
    .split(/\s+/),
);
