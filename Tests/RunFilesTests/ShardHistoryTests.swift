import RunFiles
import Testing

@Suite("What earlier attempts at a part have left")
struct ShardHistoryTests {
    private let sample: SampleRun
    private let part = shard(0, 2)
    private let share = [4, 2, 0]

    init() throws { sample = try SampleRun() }

    private func history() throws -> ShardHistory {
        try ShardHistory(sample.folder, part, share: share, of: sample.run)
    }

    /// What is to be fitted together, and what alone.
    private func rest(_ history: ShardHistory) -> [[UInt32]] {
        let rest = history.rest(of: share)
        return [rest.together, rest.alone]
    }

    @Test("rows that are there are not fitted again, whoever fitted them")
    func done() throws {
        #expect(try rest(history()) == [[4, 2, 0], []])
        _ = try sample.segment(part) { writer in
            try writer.append(.began, 2)
            try writer.append(.row, 2, payload: SampleRun.row(2))
            try writer.append(.failed, 0, text: "why")
        }
        #expect(try history().done == [2])
        #expect(try rest(history()) == [[4, 0], []])
        // Cut into other parts before.
        _ = try sample.segment(shard(2, 3)) { try $0.append(.row, 0, payload: SampleRun.row(0)) }
        #expect(try history().done == [0, 2])
        // Another part of the same cut has none of this one's, so that it is not even read.
        _ = try sample.segment(shard(1, 2)) { try $0.append(.row, 4, payload: SampleRun.row(4)) }
        #expect(try history().done == [0, 2])
    }

    @Test("a damaged row is fitted again")
    func damaged() throws {
        let path = try sample.segment(part) { writer in
            try writer.append(.row, 4, payload: SampleRun.row(4))
            try writer.append(.row, 2, payload: SampleRun.row(2))
        }
        var bytes = try sample.bytes(path)
        bytes[16 + 56 + 3] ^= 1
        try sample.replace(path, bytes)
        #expect(try history().done == [2])
        #expect(try history().damaged == [path])
    }

    @Test("what processes died with comes last and alone, and is given up after the third")
    func deaths() throws {
        for death in 1...3 {
            _ = try sample.segment(part) { writer in
                try writer.append(.began, 4)
                try writer.append(.began, 2)
                try writer.append(.row, 2, payload: SampleRun.row(2))
            }
            let history = try history()
            #expect(history.deaths == [4: death])
            #expect(rest(history) == [[0], death < 3 ? [4] : []])
            #expect(history.lost(of: share) == (death < 3 ? [] : [4]))
        }
        _ = try sample.segment(part) { try $0.append(.givenUp, 4, text: "three deaths") }
        #expect(try history().givenUp == [4: "three deaths"])
        #expect(try rest(history()) == [[0], []])
        #expect(try history().lost(of: share) == [])
    }

    @Test("an end in order, by request or by a failed fit, blames nobody")
    func innocent() throws {
        for _ in 0..<4 {
            _ = try sample.segment(part) { writer in
                try writer.append(.began, 4)
                try writer.append(.began, 0)
                try writer.append(.returned, 4)
                try writer.append(.failed, 0, text: "why")
            }
        }
        #expect(try history().deaths.isEmpty)
        #expect(try rest(history()) == [[4, 2, 0], []])
    }
}
