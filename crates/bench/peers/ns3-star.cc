// The star of crates/sim/src/radio/star.rs in ns-3 3.37: sensors on a circle around a hub, IEEE 802.15.4 at 2.4 GHz,
// unslotted CSMA-CA, acknowledgements, log-distance path loss without shadows and without propagation delay.
//
// A program of its own, compiled and run by scripts/cross-check-ns3; it is never linked into BodyWire. The text is ours;
// ns-3 is under GPL-2.0.
//
//   ns3-star SENSORS PACKET_BYTES INTERVAL_MS SECONDS RADIUS_M SEED RUNS QUEUE [trace]
//
// Prints one JSON object a run and line. Each message carries its number, so that what ns-3 gives up twice is counted
// once: it does not drop frames that it has received before.

#include <ns3/core-module.h>
#include <ns3/lr-wpan-csmaca.h>
#include <ns3/lr-wpan-error-model.h>
#include <ns3/lr-wpan-mac.h>
#include <ns3/lr-wpan-net-device.h>
#include <ns3/lr-wpan-phy.h>
#include <ns3/mobility-module.h>
#include <ns3/network-module.h>
#include <ns3/propagation-loss-model.h>
#include <ns3/single-model-spectrum-channel.h>
#include <ns3/spectrum-value.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace ns3;

namespace {

struct Message {
    Time made;
    bool arrived;
};

struct Star {
    uint32_t sensors = 0;
    uint32_t bytes = 0;
    double intervalMs = 0;
    double seconds = 0;
    double radius = 0;
    uint32_t queue = 0;
    bool trace = false;
    std::vector<Ptr<LrWpanNetDevice>> devices;
    std::vector<Message> messages;
    std::vector<uint64_t> status = std::vector<uint64_t>(16);
    uint64_t arrived = 0, again = 0, frames = 0, wrongOverflow = 0;
    double delayMs = 0;
    Ptr<ExponentialRandomVariable> interval;

    void Make(uint32_t sensor) {
        Simulator::Schedule(NanoSeconds(std::max<int64_t>(1, std::llround(interval->GetValue() * 1e6))),
                            &Star::MakeIfTime, this, sensor);
        uint32_t number = messages.size();
        messages.push_back({Simulator::Now(), false});
        std::vector<uint8_t> body(bytes, 0);
        std::memcpy(body.data(), &number, sizeof number);
        McpsDataRequestParams asked;
        asked.m_srcAddrMode = SHORT_ADDR;
        asked.m_dstAddrMode = SHORT_ADDR;
        asked.m_dstPanId = 0;
        asked.m_dstAddr = Mac16Address("00:01");
        asked.m_msduHandle = 0;
        asked.m_txOptions = TX_OPTION_ACK;
        devices[sensor]->GetMac()->McpsDataRequest(asked, Create<Packet>(body.data(), body.size()));
    }

    void MakeIfTime(uint32_t sensor) {
        if (Simulator::Now() < Seconds(seconds)) Make(sensor);
    }

    void Arrived(McpsDataIndicationParams, Ptr<Packet> packet) {
        uint32_t number = 0;
        packet->CopyData(reinterpret_cast<uint8_t *>(&number), sizeof number);
        Message &message = messages.at(number);
        if (message.arrived) {
            again++;
            return;
        }
        message.arrived = true;
        arrived++;
        delayMs += (Simulator::Now() - message.made).ToDouble(Time::MS);
        if (trace) std::printf("%.6f arrived %u\n", Simulator::Now().ToDouble(Time::MS), number);
    }

    void Confirmed(McpsDataConfirmParams confirmed) { status.at(confirmed.m_status)++; }

    void OnAir(uint32_t node, Ptr<const Packet> packet) {
        frames++;
        if (trace) std::printf("%.6f node %u on air %u\n", Simulator::Now().ToDouble(Time::MS), node, packet->GetSize());
    }

    void State(uint32_t node, LrWpanMacState, LrWpanMacState now) {
        std::printf("%.6f node %u mac %d\n", Simulator::Now().ToDouble(Time::MS), node, int(now));
    }
    void Trx(uint32_t node, Time, LrWpanPhyEnumeration, LrWpanPhyEnumeration now) {
        std::printf("%.6f node %u phy %d\n", Simulator::Now().ToDouble(Time::MS), node, int(now));
    }

    void Run(uint32_t run) {
        RngSeedManager::SetRun(run);
        Ptr<SingleModelSpectrumChannel> channel = CreateObject<SingleModelSpectrumChannel>();
        Ptr<LogDistancePropagationLossModel> loss = CreateObject<LogDistancePropagationLossModel>();
        loss->SetAttribute("Exponent", DoubleValue(3.0));
        loss->SetAttribute("ReferenceLoss", DoubleValue(46.6777));
        loss->SetAttribute("ReferenceDistance", DoubleValue(1.0));
        channel->AddPropagationLossModel(loss);
        interval = CreateObject<ExponentialRandomVariable>();
        interval->SetAttribute("Mean", DoubleValue(intervalMs));
        NodeContainer nodes;
        nodes.Create(sensors + 1);
        for (uint32_t n = 0; n <= sensors; n++) {
            Ptr<ConstantPositionMobilityModel> place = CreateObject<ConstantPositionMobilityModel>();
            double angle = 2 * M_PI * (n - 1.0) / sensors;
            place->SetPosition(n ? Vector(radius * std::cos(angle), radius * std::sin(angle), 0) : Vector(0, 0, 0));
            Ptr<LrWpanNetDevice> device = CreateObject<LrWpanNetDevice>();
            device->SetChannel(channel);
            device->SetNode(nodes.Get(n));
            device->GetPhy()->SetMobility(place);
            nodes.Get(n)->AddDevice(device);
            uint8_t address[2] = {uint8_t((n + 1) >> 8), uint8_t(n + 1)};
            Mac16Address name;
            name.CopyFrom(address);
            device->SetAddress(name);
            device->GetMac()->SetTxQMaxSize(queue);
            device->GetPhy()->TraceConnectWithoutContext("PhyTxBegin", MakeCallback(&Star::OnAir, this).Bind(n));
            device->GetMac()->SetMcpsDataConfirmCallback(MakeCallback(&Star::Confirmed, this));
            if (trace) {
                device->GetMac()->TraceConnectWithoutContext("MacStateValue", MakeCallback(&Star::State, this).Bind(n));
                device->GetPhy()->TraceConnectWithoutContext("TrxState", MakeCallback(&Star::Trx, this).Bind(n));
            }
            devices.push_back(device);
        }
        devices[0]->GetMac()->SetMcpsDataIndicationCallback(MakeCallback(&Star::Arrived, this));
        for (uint32_t n = 1; n <= sensors; n++) {
            Simulator::Schedule(NanoSeconds(std::llround(interval->GetValue() * 1e6)), &Star::MakeIfTime, this, n);
        }
        Simulator::Stop(Seconds(seconds + 2));
        auto begun = std::chrono::steady_clock::now();
        Simulator::Run();
        double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
        double noise = 0;
        Ptr<const SpectrumValue> psd = devices[0]->GetPhy()->GetNoisePowerSpectralDensity();
        for (auto value = psd->ConstValuesBegin(); value != psd->ConstValuesEnd(); ++value) noise += *value * 1e6;
        std::printf(
            "{\"sent\":%zu,\"delivered\":%llu,\"delay_ms\":%.9f,\"again\":%llu,\"frames\":%llu,\"channel_access\":%llu,"
            "\"no_ack\":%llu,\"overflow\":%llu,\"events\":%llu,\"wall_s\":%.6f,\"noise_dbm\":%.4f}\n",
            messages.size(), (unsigned long long)arrived, arrived ? delayMs / arrived : 0.0, (unsigned long long)again,
            (unsigned long long)frames, (unsigned long long)status[IEEE_802_15_4_CHANNEL_ACCESS_FAILURE],
            (unsigned long long)status[IEEE_802_15_4_NO_ACK],
            (unsigned long long)status[IEEE_802_15_4_TRANSACTION_OVERFLOW],
            (unsigned long long)Simulator::GetEventCount(), wall, 10 * std::log10(noise * 1e3));
        std::fflush(stdout);
        Simulator::Destroy();
    }
};

} // namespace

int main(int count, char **words) {
    if (count < 9) {
        std::fprintf(stderr, "usage: ns3-star SENSORS PACKET_BYTES INTERVAL_MS SECONDS RADIUS_M SEED RUNS QUEUE [trace]\n");
        return 2;
    }
    RngSeedManager::SetSeed(std::strtoul(words[6], nullptr, 10));
    uint32_t runs = std::strtoul(words[7], nullptr, 10);
    for (uint32_t run = 1; run <= runs; run++) {
        Star star;
        star.sensors = std::strtoul(words[1], nullptr, 10);
        star.bytes = std::strtoul(words[2], nullptr, 10);
        star.intervalMs = std::strtod(words[3], nullptr);
        star.seconds = std::strtod(words[4], nullptr);
        star.radius = std::strtod(words[5], nullptr);
        star.queue = std::strtoul(words[8], nullptr, 10);
        star.trace = count > 9;
        star.Run(run);
    }
    return 0;
}
