import NodeTopology
import Testing

@Suite("Memory sizes")
struct MemorySizeTests {
    @Test(
        "A size is read with the unit people write",
        arguments: [
            ("1", 1), ("1048576", 1 << 20), ("12b", 12), ("8G", 8 << 30), ("8g", 8 << 30),
            ("512M", 512 << 20), ("8GiB", 8 << 30), ("8 GiB", 8 << 30), (" 2T ", 2 << 40),
            ("1.5G", 3 << 29), (".5k", 512), ("1.k", 1024), ("8GB", 8_000_000_000),
            ("3kb", 3000), ("1.0001K", 1024), ("7P", 7 << 50),
        ] as [(String, Int)]
    )
    func parses(text: String, bytes: Int) throws {
        #expect(try MemorySize(parsing: text).bytes == bytes)
    }

    @Test(
        "Text that is no size is refused as malformed",
        arguments: [
            "", " ", "G", ".", "1.2.3G", "-1G", "+1G", "1e9", "0x10", "8Q", "8GG", "nan", "8,5G",
        ]
    )
    func refusesMalformed(text: String) {
        #expect(throws: NodeTopologyError.malformedMemorySize(text: text)) {
            try MemorySize(parsing: text)
        }
    }

    @Test(
        "A size of nothing or beyond 64 bits is refused as out of range",
        arguments: [
            "0", "0G", "0.0001", "9223372036854775808", "8192P", "20000P",
            "99999999999999999999999G",
            "8191.999999999999999999999P",
        ]
    )
    func refusesOutOfRange(text: String) {
        #expect(throws: NodeTopologyError.memorySizeOutOfRange(text: text)) {
            try MemorySize(parsing: text)
        }
    }

    @Test(
        "A size is written in the largest unit that fits, with one decimal at most",
        arguments: [
            (1, "1 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"),
            (512 << 20, "512 MiB"),
            (3 << 29, "1.5 GiB"), ((1 << 30) - 1, "1 GiB"), (1 << 60, "1 EiB"), (.max, "8 EiB"),
            (24_684_096 * 1024, "23.5 GiB"),
        ] as [(Int, String)]
    )
    func formats(bytes: Int, text: String) {
        #expect(MemorySize(bytes: bytes).description == text)
    }

    @Test("What is written can be read back to within the rounding")
    func roundTrips() throws {
        for bytes in [1, 999, 1_000_000, 5_000_000_000, 77_777_777_777_777] {
            let read = try MemorySize(parsing: MemorySize(bytes: bytes).description).bytes
            #expect(abs(Double(read - bytes)) <= 0.05 * Double(bytes))
        }
    }

    @Test("An error names the text and says what to write")
    func errorText() {
        #expect(
            NodeTopologyError.malformedMemorySize(text: "8Q").description
                == "memory size \"8Q\": not a size; write bytes or a number with a unit, "
                + "such as 8G, 512M, 1.5GiB"
        )
    }
}
