import TestSupport
import Testing
import WireProtocol

@Suite struct HandshakeTests {
    private let expectation = HandshakeExpectation(
        protocolMajor: 1,
        protocolMinor: 3,
        build: "0.1.0 swift-6.3 x86_64",
        runID: Sample.run
    )

    private func hello(
        major: UInt32 = 1,
        minor: UInt32 = 3,
        build: String = "0.1.0 swift-6.3 x86_64",
        run: Bytes16? = Sample.run
    ) -> Hello {
        var hello = Sample.hello
        hello.protocolMajor = major
        hello.protocolMinor = minor
        hello.build = build
        hello.runID = run
        return hello
    }

    private func code(_ hello: Hello) -> RefusalCode? {
        guard case .refuse(let refusal) = expectation.verdict(on: hello) else { return nil }
        return refusal.code
    }

    @Test func aWorkerOfTheSameBuildIsTakenWithTheLowerMinorVersion() {
        #expect(expectation.verdict(on: hello()) == .accept(protocolMinor: 3))
        #expect(expectation.verdict(on: hello(minor: 1)) == .accept(protocolMinor: 1))
        #expect(expectation.verdict(on: hello(minor: 9)) == .accept(protocolMinor: 3))
    }

    @Test func aWorkerThatWasToldNoRunIsTaken() {
        #expect(expectation.verdict(on: hello(run: nil)) == .accept(protocolMinor: 3))
    }

    @Test func everyDifferenceIsRefusedWithItsOwnCode() {
        #expect(code(hello(major: 0)) == .protocolVersion)
        #expect(code(hello(major: 2)) == .protocolVersion)
        #expect(code(hello(build: "0.1.1 swift-6.3 x86_64")) == .build)
        #expect(code(hello(run: Sample.digest)) == .run)
    }

    @Test func theVersionIsJudgedBeforeTheBuildAndTheBuildBeforeTheRun() {
        #expect(code(hello(major: 2, build: "x", run: Sample.digest)) == .protocolVersion)
        #expect(code(hello(build: "x", run: Sample.digest)) == .build)
    }

    @Test func refusalsNameBothSides() {
        guard case .refuse(let refusal) = expectation.verdict(on: hello(build: "9.9")) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.text.contains("9.9"))
        #expect(refusal.text.contains("0.1.0 swift-6.3 x86_64"))
    }

    @Test func onlyBusyIsWorthAnotherAttempt() {
        #expect(RefusalCode.allCases.filter(\.isTemporary) == [.busy])
    }

    @Test func theBuildIdentityNamesReleaseCompilerAndArchitecture() {
        let parts = BuildIdentity.current.split(separator: " ")
        #expect(parts.count == 3)
        #expect(parts.first.map(String.init) == BuildIdentity.release)
        #expect(parts.dropFirst().first?.hasPrefix("swift-6.") == true)
    }
}

@Suite struct Bytes16Tests {
    @Test func bytesAndTextKeepTheValue() {
        #expect(Sample.digest.description == "00112233445566778899aabbccddeeff")
        #expect(Bytes16(bytes: Sample.digest.bytes) == Sample.digest)
        #expect(Bytes16(hexadecimal: "\(Sample.digest)") == Sample.digest)
        #expect(
            Bytes16(hexadecimal: "00112233-4455-6677-8899-AABBCCDDEEFF") == Sample.digest
        )
    }

    @Test func otherLengthsAndCharactersAreRefused() {
        #expect(Bytes16(bytes: [1, 2, 3]) == nil)
        #expect(Bytes16(bytes: [UInt8](repeating: 1, count: 17)) == nil)
        #expect(Bytes16(hexadecimal: "0011223344556677889") == nil)
        #expect(Bytes16(hexadecimal: String(repeating: "g", count: 32)) == nil)
        #expect(Bytes16(hexadecimal: String(repeating: "٣", count: 32)) == nil)
        #expect(Bytes16(hexadecimal: String(repeating: "0", count: 33)) == nil)
    }

    @Test func randomIdentifiersAreVersionFourAndDiffer() {
        var generator = SeededGenerator(seed: 3)
        let made = (0..<100).map { _ in Bytes16.randomUUID(using: &generator) }
        #expect(Set(made).count == 100)
        for value in made {
            #expect(value.bytes[6] >> 4 == 4)
            #expect(value.bytes[8] >> 6 == 2)
        }
    }
}
