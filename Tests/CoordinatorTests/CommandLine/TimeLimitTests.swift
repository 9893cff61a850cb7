import Coordinator
import Testing

@Suite("Times on the command line")
struct TimeLimitTests {
    @Test(
        "what is a time",
        arguments: [("90", 90), ("1s", 1), ("30m", 1800), ("2h", 7200), ("8760h", 31_536_000)]
    )
    func times(text: String, seconds: Int) throws {
        let time = try #require(TimeLimit(argument: text))
        #expect(time.seconds == seconds)
        #expect(TimeLimit(argument: time.description) == time)
    }

    @Test(
        "what is none",
        arguments: ["", "s", "0", "0m", "-1", "+1", "1.5h", "1d", "8761h", "99999999999", "1 m"]
    )
    func nonsense(text: String) {
        #expect(TimeLimit(argument: text) == nil)
    }
}
